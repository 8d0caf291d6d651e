import { fail, nameOf } from '../../errors/errors.js';
import type { Argument, Connection, Wire } from './client.js';
import { HTTP_SCRIPTS, RELAY } from './http-scripts.js';

/** The members of a client of `@upstash/redis` that the store uses. */
export interface UpstashClient {
  /** Sends any command. It is the one method that auto-pipelining leaves alone. */
  exec(command: [command: string, ...parameters: string[]]): Promise<unknown>;
  /** Only a client has it: a pipeline has none. */
  pipeline(): unknown;
}

const WANTED = 'a Redis client of @upstash/redis 1.35.8 or newer';

/** The messages of the service about a text that is too long for the plan, or for a proxy. */
const TOO_LONG = /max (?:request|single record) size exceeded|request entity too large/i;

/** Redis over HTTP: commands and replies are JSON. */
const HTTP: Wire = {
  again: (error) => Promise.reject(error),
  refuse,
  scripts: HTTP_SCRIPTS,
  pack(payload) {
    const length = `${payload.length}:`;
    try {
      return { room: 'text', text: length + utf8().decode(payload) };
    } catch {
      return { room: 'bytes', text: length + toCharacters(payload) };
    }
  },
  leastLimit: 0,
  async exceededLimit(_, error) {
    const isExceeded = error instanceof Error && TOO_LONG.test(error.message);
    return isExceeded ? "the service's limit for one request" : undefined;
  },
};

let decoder: TextDecoder | undefined;
/** Throws for bytes that are not UTF-8. */
function utf8(): TextDecoder {
  decoder ??= new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return decoder;
}

/** As many arguments as a function surely takes. */
const CHUNK = 8192;

/** One character per byte. */
function toCharacters(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return text;
}

/** Returns the bytes of a text in a reply: `length:`, then one character per byte. */
function toBytes(text: string): Uint8Array {
  const from = text.indexOf(':') + 1;
  const bytes = new Uint8Array(text.length - from);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(from + at);
  if (from > 0 && text.slice(0, from - 1) === String(bytes.length)) return bytes;
  return refuse('it changed a text of a reply');
}

/** Reads the reply to a script of `http-scripts.ts`. */
function unpacked(reply: unknown): unknown {
  if (typeof reply === 'string') return toBytes(reply);
  return Array.isArray(reply) ? reply.map(unpacked) : reply;
}

function refuse(what: string): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot use this Redis client: ${what}, wanted ${WANTED}`,
  );
}

/**
 * Returns the connection of a client. A command is a request of its own: `exec` takes part in no
 * pipeline, because auto-pipelining sends reads apart from writes and cannot be awaited in order.
 */
export function httpConnection(client: UpstashClient): Connection {
  const can = (name: string) =>
    typeof (client as unknown as Record<string, unknown> | null)?.[name] === 'function';
  // ioredis and node-redis have all the other methods, too.
  if (!can('exec') || !can('pipeline') || can('sendCommand')) {
    fail(
      TypeError,
      'SAMEKEY_BAD_CLIENT',
      `Cannot make an Upstash store: client is ${nameOf(client)}, wanted ${WANTED}`,
    );
  }

  async function send(command: readonly Argument[]): Promise<unknown> {
    refuseWithoutAddress(client);
    let reply: unknown;
    try {
      reply = await client.exec(command as [string, ...string[]]);
    } catch (error) {
      throw toPlainError(error);
    }
    if (Array.isArray(reply) && reply.length === 1) return unpacked(reply[0]);
    throw new Error(
      `Cannot read the reply of Redis over HTTP: it is ${nameOf(reply)}, wanted the list of a script; the AbortSignal of the client may be aborted`,
    );
  }

  return {
    wire: HTTP,
    isCluster: false,
    send: (_, command) => send(command),
    masters: async () => [async (command) => texts(await send(['EVAL', RELAY, '0', ...command]))],
    watchInterruptions: () => () => undefined,
    openSubscriber: undefined,
  };
}

/** The names of keys are UTF-8. */
function texts(reply: unknown): unknown {
  if (reply instanceof Uint8Array) return new TextDecoder().decode(reply);
  return Array.isArray(reply) ? reply.map(texts) : reply;
}

/** Not public, checked with @upstash/redis 1.39. */
const internalsOf = (client: UpstashClient) =>
  (client as { client?: { hasCredentials?: unknown; baseUrl?: unknown } }).client;

/** Returns the host of the service, as far as the client tells it. */
export function hostOf(client: UpstashClient): string | undefined {
  try {
    return new URL(String(internalsOf(client)?.baseUrl)).host;
  } catch {
    return undefined;
  }
}

/** A client without an address or a token only writes a warning, and tries six times in four seconds. */
function refuseWithoutAddress(client: UpstashClient): void {
  if (internalsOf(client)?.hasCredentials !== false) return;
  throw new Error(
    'Cannot reach Redis over HTTP: the client has no url or no token, wanted both, such as UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN',
  );
}

/** Where the client puts the whole command, with the result of the program, into its message. */
const COMMAND = /, command was: \[[\s\S]*$/;
/** The beginning of a reply that was cut off. */
const REPLY = /^(Unable to parse response body: )\[?\{"(?:result|error)"[\s\S]*$/;

/**
 * Returns the error without what the program sent or received, since messages end up in logs, and with
 * the reason of a failed `fetch`, which is in its cause.
 */
function toPlainError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  if (name.startsWith('Upstash')) {
    const plain = message.replace(COMMAND, '').replace(REPLY, '$1the reply was cut off');
    const reason = plain === 'undefined' ? 'the service failed and gave no reason' : plain;
    return Object.assign(new Error(reason), { name });
  }
  const { message: reason, code } = (cause ?? {}) as { message?: unknown; code?: unknown };
  const found = reason || code;
  return found ? new Error(`${message}: ${found}`, { cause }) : error;
}
