import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Calls `onIdle` if the upstream sends nothing for `idleMs`. While it has sent data that is not read yet,
 * because a client or the memory has no room for it, the wait is not the upstream's.
 */
export function limitUpstreamIdle(
  request: ClientRequest,
  idleMs: number,
  onIdle: () => void,
): void {
  let incoming: IncomingMessage | undefined;
  let readAtMs = 0;
  request.on('response', (response) => {
    incoming = response;
    response.on('data', () => {
      readAtMs = performance.now();
    });
  });
  request.on('socket', (socket: Socket) => {
    const onTimeout = () => {
      if (incoming !== undefined && incoming.readableLength > 0) {
        socket.setTimeout(idleMs);
        return;
      }
      // It could send more only since the last data was read.
      const leftMs = incoming === undefined ? 0 : readAtMs + idleMs - performance.now();
      if (leftMs > 0) socket.setTimeout(Math.ceil(leftMs));
      else onIdle();
    };
    socket.setTimeout(idleMs);
    socket.on('timeout', onTimeout);
    request.on('close', () => {
      socket.off('timeout', onTimeout);
      socket.setTimeout(0);
    });
  });
}

/** Disconnects a client that reads nothing of what was sent for `idleMs`. It may wait for more. */
export function limitClientIdle(response: ServerResponse, idleMs: number): void {
  response.setTimeout(idleMs, () => {
    if (response.writableLength > 0) response.destroy();
    else response.setTimeout(idleMs);
  });
}
