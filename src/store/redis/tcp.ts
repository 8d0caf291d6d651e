import { fail } from '../../errors/errors.js';
import { random, sleep } from '../../runtime/runtime.js';
import type { Argument, Connection, Wire } from './client.js';
import { SCRIPTS } from './scripts.js';

/** The `Buffer` class of Node.js, where these clients run. */
interface BufferClass {
  allocUnsafe(length: number): Uint8Array;
  isBuffer(bytes: unknown): boolean;
  from(buffer: ArrayBufferLike, byteOffset: number, byteLength: number): Uint8Array;
}
export const bufferClass = () => (globalThis as unknown as { Buffer: BufferClass }).Buffer;

export function toBuffer(bytes: Argument): Argument {
  if (typeof bytes === 'string' || bufferClass().isBuffer(bytes)) return bytes;
  return bufferClass().from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Returns a copy behind `room` zeros. A `Buffer` of less than 4 KiB takes a part of a common
 * `ArrayBuffer`, so it is made in a third of the time of a `Uint8Array`.
 */
function copyBehind(room: number, payload: Uint8Array): Uint8Array {
  const copy = bufferClass().allocUnsafe(room + payload.length);
  copy.fill(0, 0, room);
  copy.set(payload, room);
  return copy;
}

/** For a smaller payload, a room for the lines saves no time. */
const LEAST_WITH_ROOM = 2048;

/** The smallest `proto-max-bulk-len` that a server accepts. */
const LEAST_BULK_LIMIT = 1024 * 1024;

/**
 * Whether the error is the reply to a too long command, after which the server closes the
 * connection.
 */
function isTooLong(error: unknown): boolean {
  return error instanceof Error && error.message.includes('Protocol error: invalid bulk length');
}

/** The number in a reply to `CONFIG GET`: a list, or a map in RESP3. */
function limitIn(reply: unknown): number {
  const values = reply instanceof Map ? [...reply.values()] : Object.values(reply ?? {});
  return values.map(Number).find((limit) => limit > 0) ?? Number.POSITIVE_INFINITY;
}

/**
 * Whether the server refuses a value of this length. The client often fails to send the rest of
 * a too long command before it reads the reply: it reports a lost connection. Without the
 * permission to ask, the answer is no.
 */
async function isOverLimit({ send }: Connection, key: string, byteCount: number): Promise<boolean> {
  try {
    return byteCount > limitIn(await send(key, ['CONFIG', 'GET', 'proto-max-bulk-len']));
  } catch {
    return false;
  }
}

/** Refuses a client that its replies show to be unfit. */
export function refuseClient(what: string): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot use this Redis client: ${what}, wanted redis (node-redis) 4 to 6, ioredis 5 or 6, or @valkey/valkey-glide 2, on Redis 5 or newer`,
  );
}

/** How often a redirected command is sent again, and the longest of the pauses before. */
const REDIRECT_LIMIT = 10;
const MAX_PAUSE_MS = 200;

/**
 * The reply of a node that has not executed the command, because its slot moves. The clients follow
 * it, but node-redis 4 and GLIDE send `ASKING` apart from the command: of commands that are
 * redirected at the same time, all but a few fail.
 */
const REDIRECT = /^(?:ASK|MOVED|TRYAGAIN) /;

/** The Redis protocol: arguments and replies are bytes. */
export const TCP: Wire = {
  async again(error, attempt) {
    const isRedirected = error instanceof Error && REDIRECT.test(error.message);
    if (!isRedirected || attempt > REDIRECT_LIMIT) throw error;
    // At different times, so that the commands no longer disturb each other.
    await sleep(random() * Math.min(MAX_PAUSE_MS, 5 * 2 ** attempt));
  },
  refuse: refuseClient,
  scripts: SCRIPTS,
  pack(payload, lineLength) {
    const room = payload.length < LEAST_WITH_ROOM ? 0 : lineLength();
    return { room: String(room), text: copyBehind(room, payload) };
  },
  leastLimit: LEAST_BULK_LIMIT,
  async exceededLimit(connection, error, key, length) {
    const isExceeded = isTooLong(error) || (await isOverLimit(connection, key, length));
    return isExceeded ? "the server's proto-max-bulk-len" : undefined;
  },
};
