import { once } from 'node:events';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Problem } from '../response/problem.js';
import { endToEndHeaders } from './headers.js';

type OnWritten = (byteCount: number) => void;

/** Writes a response of `fetch`: each piece in the turn in which it comes, and none before the one before has gone. */
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

/** Writes the response as it comes from the other side, coded as it is. */
export async function passResponse(
  to: ServerResponse,
  from: IncomingMessage,
  onWritten: OnWritten,
): Promise<void> {
  const { statusCode = 502, statusMessage = '' } = from;
  to.on('close', () => from.destroy());
  to.writeHead(statusCode, writable(statusMessage), endToEndHeaders(from).flat());
  sendHead(to);
  for await (const chunk of from) {
    onWritten(chunk.length);
    if (!to.write(chunk)) await drained(to);
    if (to.destroyed) return;
  }
  await ended(to);
}

/**
 * Sends the head before there is anything of the body: who waits for a stream sees that it has begun.
 * `flushHeaders` of Node.js would encode the bytes of a header as UTF-8, once more.
 */
function sendHead(to: ServerResponse): void {
  to.write(NOTHING);
}

const NOTHING = new Uint8Array();

export function writeProblem(to: ServerResponse, { status, headers, body }: Problem): void {
  const length = { 'content-length': Buffer.byteLength(body) };
  // Its reason phrase said: one that an earlier head was refused for would be taken otherwise.
  to.writeHead(status, STATUS_CODES[status] ?? '', { ...headers, ...length });
  to.end(body);
}

/** Without a reason phrase that Node.js reads but does not write; nobody needs one (RFC 9112 §4). */
export const writable = (reason: string) => (/^[\t -~]*$/.test(reason) ? reason : '');

async function drained(to: ServerResponse): Promise<void> {
  if (to.destroyed) return;
  const gone = new AbortController();
  const leave = () => gone.abort();
  to.once('close', leave);
  try {
    await once(to, 'drain', { signal: gone.signal });
  } catch (error) {
    if (!gone.signal.aborted) throw error;
  } finally {
    to.removeListener('close', leave);
  }
}

/** Resolves when all is handed to the system, or the client is gone. */
function ended(to: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    to.once('close', resolve);
    to.end(resolve);
  });
}
