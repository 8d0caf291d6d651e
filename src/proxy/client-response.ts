import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Problem } from '../response/problem.js';
import { endToEndHeaders } from './headers.js';

type OnWritten = (byteCount: number) => void;

/** Writes a response of `fetch`: each chunk as soon as it arrives and the previous one is sent. */
export async function writeResponse(
  to: ServerResponse,
  from: Response,
  onWritten: OnWritten,
): Promise<void> {
  to.writeHead(from.status, from.statusText, [...from.headers].flat());
  sendHead(to);
  if (from.body !== null) {
    const reader = from.body.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        onWritten(value.length);
        if (!to.write(value)) await drained(to);
        if (to.destroyed) return;
      }
    } finally {
      reader.cancel().catch(() => {});
    }
  }
  await ended(to);
}

/** Writes the response of the upstream unchanged, with its content coding. */
export async function passResponse(
  to: ServerResponse,
  from: IncomingMessage,
  onWritten: OnWritten,
): Promise<void> {
  const { statusCode = 502, statusMessage = '' } = from;
  to.on('close', () => from.destroy());
  to.writeHead(statusCode, sendableReason(statusMessage), endToEndHeaders(from).flat());
  sendHead(to);
  for await (const chunk of from) {
    onWritten(chunk.length);
    if (!to.write(chunk)) await drained(to);
    if (to.destroyed) return;
  }
  await ended(to);
}

/**
 * Sends the head before any of the body, so that the client of a stream sees that it has started.
 * `flushHeaders` of Node.js would encode the bytes of headers as UTF-8 a second time.
 */
function sendHead(to: ServerResponse): void {
  to.write(NO_BYTES);
}

const NO_BYTES = new Uint8Array();

export function writeProblem(to: ServerResponse, { status, headers, body }: Problem): void {
  const length = { 'content-length': Buffer.byteLength(body) };
  // Without a reason phrase, Node.js would use one that it refused in an earlier `writeHead`.
  to.writeHead(status, STATUS_CODES[status] ?? '', { ...headers, ...length });
  to.end(body);
}

/** Drops a reason phrase that Node.js parses but does not write. Clients ignore it (RFC 9112 §4). */
export const sendableReason = (reason: string) => (/^[\t -~]*$/.test(reason) ? reason : '');

async function drained(to: ServerResponse): Promise<void> {
  if (to.destroyed) return;
  const closed = new AbortController();
  const onClose = () => closed.abort();
  to.once('close', onClose);
  try {
    await once(to, 'drain', { signal: closed.signal });
  } catch (error) {
    if (!closed.signal.aborted) throw error;
  } finally {
    to.removeListener('close', onClose);
  }
}

/** Resolves when the system has all bytes, or the client has disconnected. */
function ended(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    to.once('close', resolve);
    to.end(resolve);
  });
}
