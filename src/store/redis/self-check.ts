import { fail } from '../../errors/errors.js';
import { monotonicMs, sleep } from '../../runtime/runtime.js';
import type { Store } from '../store.js';
import type { Connection } from './client.js';

const LEASE_MS = 10_000;
/** How long a key that lives for a millisecond may be seen. */
const PATIENCE_MS = 2000;

/**
 * Proves on a key of its own that this client, this server and these scripts together do what a
 * store is for: set if absent, compare before set, give bytes back as they were, and expire. An
 * option that one of them reads in another way would take all of that away without a word.
 */
export async function selfCheck(
  scratchKey: string,
  keyOf: (key: string) => string,
  store: Pick<Store, 'claim' | 'complete' | 'read' | 'evict'>,
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
  const redisKey = keyOf(scratchKey);

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
  const until = monotonicMs() + PATIENCE_MS;
  while (Number(await connection.send(redisKey, ['EXISTS', redisKey])) !== 0) {
    prove(monotonicMs() < until, 'a key is there though it has expired');
    await sleep(2);
  }
}

function prove(holds: boolean, otherwise: string): void {
  if (holds) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot use this Redis client: in a self-check ${otherwise}, wanted redis (node-redis) 4 to 6 or ioredis 5 or 6, on Redis 5 or newer`,
  );
}
