import { describe, expect, it } from 'vitest';
import { createOnce, type OnceEvent, type OnceOptions } from '../../src/once/index.js';
import { atOnce } from '../../src/store/at-once.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but, crash } from './scene.js';

/** Ways to ask a store in memory: only the first one gets answers without promises. */
const ways: Record<string, (store: Store) => Store> = {
  'at once': (store) => store,
  'behind a wrapper': (store) => but(store, {}),
};

const KEY = 'order-7';

type Scene = (store: Store, once: (options?: Partial<OnceOptions>) => Client) => Promise<unknown>;
type Client = ReturnType<typeof createOnce>;

/** What a caller sees of a promise. */
const seen = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    ({ name, code, message }) => ({ name, code, message }),
  );

const fails = () => {
  throw Object.assign(new RangeError('of the function'), { code: 'E' });
};

const scenes: Record<string, Scene> = {
  'a first run, and replays': async (_, create) => {
    const once = create({ cache: false });
    const [first, second] = [await once.detailed(KEY, () => [1]), await once.detailed(KEY, fails)];
    return { first: first.outcome, second: second.outcome, values: [first.value, second.value] };
  },
  'the function starts after the call': async (_, create) => {
    const order: string[] = [];
    const call = create()(KEY, () => order.push('function'));
    order.push('caller');
    await call;
    return order;
  },
  'callers of one tick': async (_, create) => {
    const once = create();
    const all = Array.from({ length: 3 }, (_, n) => once.detailed(KEY, async () => n));
    return (await Promise.all(all)).map(({ value, outcome, layer }) => [value, outcome, layer]);
  },
  'callers of one tick find a stored result': async (_, create) => {
    await create()(KEY, () => 1);
    const once = create({ cache: false });
    const all = Array.from({ length: 3 }, () => once.detailed(KEY, fails));
    return (await Promise.all(all)).map(({ value, outcome, layer }) => [value, outcome, layer]);
  },
  'an error that is not stored': async (_, create) => {
    const once = create();
    return [await seen(once(KEY, fails)), await seen(once(KEY, async () => fails()))];
  },
  'an error that is stored': async (_, create) => {
    const once = create({ storeErrors: () => true, cache: false });
    return [await seen(once(KEY, fails)), await seen(once(KEY, () => 1))];
  },
  'an error of unknown effects': async (store, create) => {
    const once = create({ unknownErrors: () => true, onUnknown: 'hold' });
    const answers = [await seen(once(KEY, fails)), await seen(once(KEY, () => 1))];
    return [answers, (await store.read(KEY)).record?.state];
  },
  'a result that cannot be stored': async (_, create) => {
    const once = create();
    return [await seen(once(KEY, () => new Map())), await seen(once(KEY, () => 'x'))];
  },
  'a store that is full of runs': async (_, create) => {
    const once = create();
    let finish = () => {};
    const running = once('order-1', () => new Promise<void>((resolve) => (finish = resolve)));
    const refused = await seen(once(KEY, () => 1));
    const unprotected = await seen(create({ onStoreError: 'run' })(KEY, () => 2));
    finish();
    await running;
    return [refused, unprotected];
  },
  'a result that the store has no room for': async (_, create) => {
    const once = create({ cache: false });
    return [await seen(once(KEY, () => 'x'.repeat(200))), await seen(once(KEY, () => 'short'))];
  },
  'another payload': async (_, create) => {
    const once = create({ cache: false });
    await once(KEY, () => 1, { fingerprint: 'a' });
    return seen(once(KEY, () => 2, { fingerprint: 'b' }));
  },
  'a fresh run': async (_, create) => {
    const once = create();
    await once(KEY, () => 1);
    return [await once(KEY, () => 2, { fresh: true }), await once(KEY, fails)];
  },
  'the run of another client': async (_, create) => {
    let finish = (_: number) => {};
    const running = create()(KEY, () => new Promise<number>((resolve) => (finish = resolve)));
    const waiting = create().detailed(KEY, fails);
    const refused = await seen(create({ onDuplicate: 'reject' })(KEY, fails));
    finish(3);
    const { value, outcome } = await waiting;
    return [await running, value, outcome, refused];
  },
  'an attempt that has crashed': async (store, create) => {
    await crash(store, KEY, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    return create()(KEY, ({ attempt }) => attempt);
  },
  'a caller that aborts in the tick of its call': async (store, create) => {
    let runs = 0;
    const controller = new AbortController();
    const once = create({ onAbandoned: 'abort' });
    const { signal } = controller;
    const call = once(KEY, () => ++runs, { signal });
    controller.abort(new Error('left'));
    const answer = await seen(call);
    await once.close();
    return [answer, runs, (await store.read(KEY)).record];
  },
  'an eviction while the function runs': async (_, create) => {
    const once = create();
    let finish = (_: number) => {};
    const first = once(KEY, () => new Promise<number>((resolve) => (finish = resolve)));
    await Promise.resolve();
    const isGone = await once.evict(KEY);
    finish(1);
    return [isGone, await first, await once(KEY, () => 2)];
  },
  'a time limit': async (_, create) => {
    const once = create({ timeoutMs: 5, onUnknown: 'hold' });
    const first = await seen(once(KEY, () => new Promise(() => {})));
    return [first, await seen(once(KEY, () => 1))];
  },
};

describe('a store that answers at once', () => {
  it('is asked so only if its own functions are asked', () => {
    const store = memoryStore();
    expect(atOnce(store.claim)).toBeTypeOf('function');
    expect(atOnce(store.complete)).toBeTypeOf('function');
    expect(atOnce(but(store, {}).claim)).toBeUndefined();
    store.claim = async (...all) => memoryStore().claim(...all);
    expect(atOnce(store.claim)).toBeUndefined();
  });

  it('is asked through the function that replaces its own', async () => {
    const store = memoryStore();
    const once = createOnce({ store });
    const { claim } = store;
    let claims = 0;
    store.claim = (...all) => {
      claims++;
      return claim.apply(store, all);
    };
    expect(await once(KEY, () => 1)).toBe(1);
    expect(claims).toBe(1);
  });

  it.each(Object.entries(scenes))(
    'does the same as one that takes promises: %s',
    async (_, play) => {
      const played = Object.values(ways).map(async (way) => {
        const store = way(memoryStore({ maxEntries: 1, maxBytes: 100 }));
        const events: unknown[] = [];
        const clients: Client[] = [];
        const create = (options?: Partial<OnceOptions>) => {
          const once = createOnce({
            store,
            onEvent: (event) => events.push(named(event)),
            ...options,
          });
          clients.push(once);
          return once;
        };
        const answer = await play(store, create);
        const counts = clients.map((once) => once.stats());
        await Promise.all(clients.map((once) => once.close()));
        return { answer, events, counts };
      });
      const [first, ...others] = await Promise.all(played);
      expect(others.length).toBeGreaterThan(0);
      for (const other of others) expect(other).toEqual(first);
    },
  );
});

/** An event without its times and tokens. */
function named(event: OnceEvent): unknown {
  const { type } = event;
  const { layer, attempt, stored, unknown, kept, decision, action } = event as never;
  return { type, layer, attempt, stored, unknown, kept, decision, action };
}
