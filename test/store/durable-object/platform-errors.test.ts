import { expect, it } from 'vitest';
import { fromFrame, toFrame } from '../../../src/store/durable-object/frame.js';
import { durableObjectStore } from '../../../src/store/durable-object.js';
import type { Store } from '../../../src/store/store.js';

/** A namespace whose objects fail with each of these errors, and then answer `true`. The calls are listed. */
function failing(...errors: readonly Error[]) {
  const rest = [...errors];
  const asked: string[] = [];
  const fetch = async (_: string, { body }: { body: Uint8Array<ArrayBuffer> }) => {
    const { head } = fromFrame(body.slice().buffer);
    asked.push((head as string[])[1] as string);
    const error = rest.shift();
    if (error !== undefined) throw error;
    return new Response(toFrame(['ok', true]), {
      headers: { 'content-type': 'application/x-samekey' },
    });
  };
  const namespace = { idFromName: (name: string) => name, get: () => ({ fetch }) };
  return { asked, store: durableObjectStore({ namespace, shards: 1 }) };
}

/** https://developers.cloudflare.com/durable-objects/best-practices/error-handling/ */
const RETRYABLE = Object.assign(new Error('the object moved'), { retryable: true });
const OVERLOADED = Object.assign(
  new Error('Durable Object is overloaded. Too many requests queued.'),
  {
    retryable: true,
    overloaded: true,
  },
);
const OTHER = new Error('Network connection lost.');

const COMPLETION = {
  state: 'done',
  codec: 'json',
  payload: Uint8Array.of(49),
  ttlMs: 1000,
} as const;

const STEPS: readonly (readonly [string, (store: Store) => Promise<unknown>])[] = [
  ['renew', (store) => store.renew('key', 'owner', 1000)],
  ['complete', (store) => store.complete('key', 'owner', COMPLETION)],
  ['release', (store) => store.release('key', 'owner')],
  ['evict', (store) => store.evict('key')],
];

it.each(STEPS)(
  '%s is sent again once after a retryable error, if its answer stays the same',
  async (name, step) => {
    const isRepeatable = name === 'renew' || name === 'complete';
    const { store, asked } = failing(RETRYABLE);
    if (isRepeatable) expect(await step(store)).toBe(true);
    else await expect(step(store)).rejects.toThrow('samekey:0: the object moved');
    expect(asked).toEqual(isRepeatable ? [name, name] : [name]);

    const twice = failing(RETRYABLE, RETRYABLE);
    await expect(step(twice.store)).rejects.toMatchObject({
      message: 'Cannot ask the Durable Object samekey:0: the object moved',
      cause: RETRYABLE,
    });
    expect(twice.asked).toHaveLength(isRepeatable ? 2 : 1);
  },
);

it.each(STEPS)(
  '%s is not sent again to an object that is overloaded, nor after any other error',
  async (name, step) => {
    for (const error of [OVERLOADED, OTHER]) {
      const { store, asked } = failing(error);
      await expect(step(store)).rejects.toMatchObject({
        message: `Cannot ask the Durable Object samekey:0: ${error.message}`,
        cause: error,
      });
      expect(asked).toEqual([name]);
    }
  },
);
