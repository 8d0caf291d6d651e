import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP link to a local server, with faults. */
export interface Link {
  readonly port: number;
  /** The port of new connections. */
  target: number;
  /** The delay in each direction. */
  delayMs: number;
  /** The directions that drop data silently. */
  muted: 'requests' | 'replies' | undefined;
  /** Ends every connection. */
  cut(): void;
  /** Ends every connection in the middle of the next reply on it. */
  cutNextReplies(): void;
  /** Closes one direction of every connection. */
  halfClose(side: 'requests' | 'replies'): void;
  stop(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  cutsNextReply: boolean;
}

export async function startLink(target: number): Promise<Link> {
  const pairs = new Set<Pair>();
  const end = ({ client, server }: Pair) => {
    client.destroy();
    server.destroy();
  };
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const server = connect({ port: link.target, host: '127.0.0.1', allowHalfOpen: true });
    const pair: Pair = { client, server, cutsNextReply: false };
    pairs.add(pair);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => end(pair));
      socket.on('close', () => {
        pairs.delete(pair);
        end(pair);
      });
    }
    forward(pair, 'requests');
    forward(pair, 'replies');
  });

  function forward(pair: Pair, direction: 'requests' | 'replies') {
    const [from, to] =
      direction === 'requests' ? [pair.client, pair.server] : [pair.server, pair.client];
    // In order, however long each piece takes.
    let before = NOTHING;
    const later = (act: () => void) => {
      if (link.delayMs === 0 && before === NOTHING) return act();
      const { delayMs } = link;
      const mine = Promise.all([before, sleep(delayMs)]).then(act);
      before = mine;
      mine.then(() => {
        if (before === mine) before = NOTHING;
      });
    };
    from.on('data', (chunk) => {
      if (link.muted === direction) return;
      if (pair.cutsNextReply && direction === 'replies') {
        to.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => end(pair));
        return;
      }
      later(() => {
        if (!to.destroyed && !to.writableEnded) to.write(chunk);
      });
    });
    from.on('end', () => later(() => to.end()));
  }

  const link: Link = {
    port: 0,
    target,
    delayMs: 0,
    muted: undefined,
    cut() {
      for (const pair of pairs) end(pair);
    },
    cutNextReplies() {
      for (const pair of pairs) pair.cutsNextReply = true;
    },
    halfClose(side) {
      for (const { client, server } of pairs) (side === 'requests' ? server : client).end();
    },
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const pair of pairs) end(pair);
      }),
  };
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return Object.assign(link, { port: (listener.address() as { port: number }).port });
}

const NOTHING = Promise.resolve();
