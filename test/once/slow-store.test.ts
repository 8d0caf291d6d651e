import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but, never, pause, processOn, sleep } from './scene.js';

it('no function is started under a lease that is over, however late the reply to its claim', async () => {
  const memory = memoryStore();
  const slow = but(memory, {
    claim: async (...all) => {
      const reply = await memory.claim(...all);
      await sleep(400);
      return reply;
    },
  });
  // The store may take longer to answer than the lease lasts.
  const [a, b] = [processOn(slow, { leaseMs: 200 }), processOn(memory, { leaseMs: 200 })];
  const key = randomKey();
  let [running, most] = [0, 0];
  const call = (who: string) => async () => {
    most = Math.max(most, ++running);
    await sleep(500);
    running--;
    return who;
  };
  const first = a.once(key, call('a')).catch(({ code }) => code);
  await sleep(20);
  expect(await b.once(key, call('b'))).toBe('b');
  expect([await first, most]).toEqual(['SAMEKEY_STORE', 1]);
});

it('a process that was paused before it began asks whether the key is still its own', async () => {
  const memory = memoryStore();
  const key = randomKey();
  const asked: string[] = [];
  const told = <Name extends 'claim' | 'renew'>(name: Name): Partial<Store> => ({
    [name]: async (...all: Parameters<Store[Name]>) => {
      asked.push(name);
      const reply = await Reflect.apply(memory[name], memory, all);
      if (name === 'claim') pause(150);
      return reply;
    },
  });
  const { once } = processOn(but(memory, { ...told('claim'), ...told('renew') }), { leaseMs: 100 });
  expect(await once(key, () => [...asked])).toEqual(['claim', 'renew']);
});

it('one renewal without a reply does not cost the lease: another one is sent in time', async () => {
  const memory = memoryStore();
  let renewals = 0;
  const store = but(memory, {
    renew: (...all) => (++renewals === 1 ? never() : memory.renew(...all)),
  });
  const { once, types } = processOn(store, { leaseMs: 600 });
  const call = async ({ signal }: { signal: AbortSignal }) => {
    await sleep(900);
    return signal.aborted ? 'aborted' : 'paid for';
  };
  expect(await once(randomKey(), call)).toBe('paid for');
  expect(types()).toEqual(['executed']);
});

it('a renewal that is answered late counts', async () => {
  const memory = memoryStore();
  const store = but(memory, {
    renew: async (...all) => {
      const reply = await memory.renew(...all);
      await sleep(1500);
      return reply;
    },
  });
  const { once } = processOn(store, { leaseMs: 3000 });
  const call = async ({ signal }: { signal: AbortSignal }) => {
    await sleep(7000);
    return signal.aborted ? 'aborted' : 'paid for';
  };
  expect(await once(randomKey(), call)).toBe('paid for');
});
