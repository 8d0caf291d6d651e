import { fail } from '../../errors/errors.js';
import { monotonicMs, randomUuid, sleep } from '../../runtime/runtime.js';
import type { Store } from '../store.js';
import type { Connection } from './client.js';
import { refuseClient } from './tcp.js';
import { withinMs } from './time-limit.js';

const LEASE_MS = 10_000;
/** How long a key with a TTL of one millisecond may still be visible. */
const EXPIRY_LIMIT_MS = 2000;

type Steps = Pick<Store, 'claim' | 'complete' | 'read' | 'evict'>;

/**
 * Runs the self-check, and resolves to the scratch key that it used. A single failure proves
 * nothing: a server that restarts, fails over or evicts loses the scratch key, and a client that
 * reconnects sends a command twice. The client is rejected only if the check fails a second time,
 * on a new key, while the connection and the server stayed the same.
 *
 * @throws {TypeError} `SAMEKEY_BAD_CLIENT` for a client that fails twice.
 * @throws {Error} `SAMEKEY_STORE` if the result says nothing about the client. The check may run
 * again.
 */
export async function verifyClient(
  keyOf: (key: string) => string,
  store: Steps,
  connection: Connection,
): Promise<string> {
  const attempt = async () => {
    const scratchKey = `self-check:${randomUuid()}`;
    try {
      await selfCheck(scratchKey, keyOf(scratchKey), store, connection);
    } catch (error) {
      throw await withForbiddenCommands(error, keyOf(scratchKey), connection);
    }
    return scratchKey;
  };
  try {
    return await withTimeLimit(attempt());
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const startedAt = monotonicMs();
  const endWatch = connection.watchInterruptions();
  let isSameServer: boolean | undefined;
  try {
    return await withTimeLimit(
      (async () => {
        const before = await serverState(connection);
        try {
          return await attempt();
        } finally {
          const after = await serverState(connection);
          if (before !== undefined || after !== undefined) isSameServer = before === after;
        }
      })(),
    );
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // After `LEASE_MS` the scratch key expires, whatever the client does.
    const isInTime = monotonicMs() - startedAt < LEASE_MS;
    const evidence = [isSameServer, endWatch()];
    if (isInTime && evidence.includes(true) && !evidence.includes(false)) throw error;
    return fail(
      Error,
      'SAMEKEY_STORE',
      `Cannot check this Redis client: the connection or the server may have changed in the self-check, wanted both to stay; the next use checks again (${error.message})`,
    );
  } finally {
    endWatch();
  }
}

function isRefusal(error: unknown): error is Error {
  return (error as { code?: unknown } | undefined)?.code === 'SAMEKEY_BAD_CLIENT';
}

/** Limits the time of a check. A lost reply must not block the next check. */
export const withTimeLimit = <T>(check: Promise<T>) => withinMs(LEASE_MS, 'the self-check', check);

/** Returns the names of the commands that the user must not run in a script. */
const FIND_FORBIDDEN = `
local calls = {
  {'TIME'}, {'GET', KEYS[1]}, {'SET', KEYS[1], '', 'PX', '1'}, {'SETRANGE', KEYS[1], 0, ''}, {'DEL', KEYS[1]}
}
local names = {}
for _, call in ipairs(calls) do
  local reply = redis.pcall(unpack(call))
  if type(reply) == 'table' and reply.err and string.find(reply.err, "can't run this command", 1, true) then
    table.insert(names, call[1])
  end
end
return table.concat(names, ', ')
`;

/** The server does not name the forbidden command. The returned error does. */
async function withForbiddenCommands(
  error: unknown,
  redisKey: string,
  connection: Connection,
): Promise<unknown> {
  if (!(error instanceof Error) || !error.message.includes("can't run this command")) return error;
  try {
    const names = await connection.send(redisKey, ['EVAL', FIND_FORBIDDEN, '1', redisKey]);
    return new Error(
      `Cannot use Redis: its user may not run ${names} in scripts, wanted the permissions in docs/stores.md`,
      { cause: error },
    );
  } catch {
    return error;
  }
}

/**
 * Returns a text that changes when a server restarts, fails over or evicts a key, or `undefined` if
 * the user may not run `INFO`.
 */
async function serverState({ masters }: Connection): Promise<string | undefined> {
  try {
    const replies = await Promise.all((await masters()).map((send) => send(['INFO'])));
    return replies
      .map((reply) =>
        String(reply)
          .match(/^(?:run_id|evicted_keys):.*$/gm)
          ?.join(),
      )
      .sort()
      .join('\n');
  } catch {
    return undefined;
  }
}

/**
 * Tests on a scratch key that client, server and scripts together do what a store needs: set if
 * absent, compare before set, return bytes unchanged, and expire. An option of the client can break
 * each of these without an error.
 */
async function selfCheck(
  scratchKey: string,
  redisKey: string,
  store: Steps,
  connection: Connection,
): Promise<void> {
  const request = {
    leaseMs: LEASE_MS,
    ttlMs: LEASE_MS,
    fingerprint: undefined,
    takeUnknown: true,
    takeFinished: false,
  };
  const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const completion = { state: 'done', codec: 'self-check', payload, ttlMs: LEASE_MS } as const;

  const first = await store.claim(scratchKey, { ...request, owner: 'first' });
  prove(first.claimed && first.record.owner === 'first', 'a key that was absent was not set');
  const leftMs = Number(await connection.send(redisKey, ['PTTL', redisKey]));
  prove(leftMs > 0 && leftMs <= LEASE_MS, 'a key does not expire');
  const second = await store.claim(scratchKey, { ...request, owner: 'second' });
  prove(!second.claimed && second.record.owner === 'first', 'a key that was there was set again');
  prove(
    !(await store.complete(scratchKey, 'second', completion)),
    'a value was changed by somebody who does not own it',
  );
  prove(
    await store.complete(scratchKey, 'first', completion),
    'a value could not be changed by its owner',
  );
  const { record } = await store.read(scratchKey);
  prove(
    record?.payload?.length === payload.length &&
      record.payload.every((byte, at) => byte === payload[at]),
    'bytes did not come back as they were',
  );
  prove(
    (await store.evict(scratchKey)) && (await store.read(scratchKey)).record === undefined,
    'a key was not deleted',
  );

  await store.claim(scratchKey, { ...request, owner: 'third' });
  await store.complete(scratchKey, 'third', { ...completion, ttlMs: 1 });
  const until = monotonicMs() + EXPIRY_LIMIT_MS;
  for (;;) {
    const askedAt = monotonicMs();
    if (Number(await connection.send(redisKey, ['EXISTS', redisKey])) === 0) return;
    prove(askedAt < until, 'a key is there though it has expired');
    await sleep(2);
  }
}

function prove(holds: boolean, otherwise: string): void {
  if (!holds) refuseClient(`in a self-check ${otherwise}`);
}
