import { describe, expect, it } from 'vitest';
import { keyOf } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { but, crash, never, processOn, sleep } from './scene.js';

const KEY = keyOf({ order: 8 });

describe('a store that fails', () => {
  const down = async () => {
    throw new Error('ECONNREFUSED');
  };

  it('turns callers away, unless they are to run all the same', async () => {
    const store = but(memoryStore(), { claim: down });
    const { once, types } = processOn(store);
    await expect(once(KEY, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: `Cannot claim ${KEY}: the store memory failed: ECONNREFUSED (SAMEKEY_STORE)`,
    });
    const other = processOn(store, { onStoreError: 'run' });
    let calls = 0;
    const call = ({ fencingToken }: { fencingToken: number }) => {
      calls++;
      return fencingToken;
    };
    // In this process it is still one run.
    expect(await Promise.all([other.once(KEY, call), other.once(KEY, call)])).toEqual([0, 0]);
    expect(calls).toBe(1);
    expect([...types(), ...other.types()]).toEqual([
      'storeError',
      'storeError',
      'executed',
      'joined',
    ]);
  });

  it('after it has said that somebody is running it is no reason to run it, too', async () => {
    const memory = memoryStore();
    await crash(memory, KEY, 60_000);
    let claims = 0;
    const store = but(memory, {
      claim: async (...all) => {
        if (++claims > 1) throw new Error('ECONNREFUSED');
        return memory.claim(...all);
      },
    });
    let calls = 0;
    const { once } = processOn(store, { onStoreError: 'run' });
    await expect(once(KEY, () => ++calls)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    expect(calls).toBe(0);
  });

  it('that lost the reply to a claim blocks nobody', async () => {
    const memory = memoryStore();
    const store = but(memory, {
      claim: async (...all) => {
        await memory.claim(...all);
        throw new Error('ECONNRESET');
      },
    });
    await expect(processOn(store).once(KEY, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
    });
    expect(await processOn(memory, { waitMs: 0 }).once(KEY, () => 2)).toBe(2);
  });

  it('that hangs at a renewal costs the lease when it ends, not later', async () => {
    const { once, types } = processOn(but(memoryStore(), { renew: never }), { leaseMs: 60 });
    let aborted = false;
    const running = once(KEY, ({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return never();
    });
    await expect(running).rejects.toMatchObject({ code: 'SAMEKEY_LEASE_LOST' });
    expect(aborted).toBe(true);
    // The store has `storeTimeoutMs` to answer before that counts as its failure.
    expect(types()).toEqual(['leaseLost']);
  });

  it('that never answers is one', async () => {
    const store = but(memoryStore(), { claim: never });
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    await expect(once(KEY, () => 1)).rejects.toThrow('no answer within 20 ms');
  });

  /** A store whose claims wait until `answer` is called, which resolves when the claim has been granted. */
  function lateStore(memory: Store) {
    let proceed = () => {};
    const mayProceed = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    let claimed: Promise<unknown> = mayProceed;
    const store = but(memory, {
      claim: async (key, request) => {
        await mayProceed;
        const claim = memory.claim(key, request);
        claimed = Promise.resolve(claim);
        return claim;
      },
    });
    const answer = async () => {
      proceed();
      await mayProceed;
      await claimed;
    };
    return { store, answer };
  }

  it('that answers too late gets its claim back', async () => {
    const memory = memoryStore();
    const { store, answer } = lateStore(memory);
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    await expect(once(KEY, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await answer();
    const after = processOn(memory, { waitMs: 0 });
    await expect.poll(() => after.once(KEY, () => 2).catch(() => 'claimed')).toBe(2);
  });

  it('that answers a fresh call too late keeps the result that was there', async () => {
    const memory = memoryStore();
    await processOn(memory).once(KEY, () => 'old');
    const { store, answer } = lateStore(memory);
    const { once } = processOn(store, { storeTimeoutMs: 20 });
    const late = once(KEY, () => 'new', { fresh: true });
    await expect(late).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await answer();
    await expect.poll(async () => (await memory.read(KEY)).record?.state).toBe('done');
    expect(await processOn(memory).once(KEY, () => 'again')).toBe('old');
  });

  it('that throws before there is a promise is one', async () => {
    const store = but(memoryStore(), {
      claim: () => {
        throw new Error('no client');
      },
    });
    await expect(processOn(store).once(KEY, () => 1)).rejects.toThrow('no client');
  });

  it('while the result is to be written is asked again', async () => {
    const memory = memoryStore();
    let failures = 2;
    const store = but(memory, {
      complete: async (...all) => {
        if (failures-- > 0) throw new Error('restarting');
        return memory.complete(...all);
      },
    });
    const { once, types } = processOn(store);
    expect(await once(KEY, () => 'paid for')).toBe('paid for');
    expect(await processOn(memory).once(KEY, () => 'again')).toBe('paid for');
    expect(types()).toEqual(['storeError', 'storeError', 'executed']);
  });

  it('for longer than the lease keeps nobody from the result, but no later call has it', async () => {
    const store = but(memoryStore(), { complete: down });
    const { once, events } = processOn(store, { leaseMs: 150 });
    const both = [once(KEY, () => 'paid for'), once(KEY, () => 'joined')];
    expect(await Promise.all(both)).toEqual(['paid for', 'paid for']);
    expect(once.stats().cached).toBe(0);
    expect(await once(KEY, ({ attempt }) => `attempt ${attempt}`)).toBe('attempt 2');
    const executed = events.filter(({ type }) => type === 'executed');
    expect(executed).toMatchObject([{ kept: false }, { kept: false }]);
  });

  it('at a renewal is asked again; at all of them it costs the lease', async () => {
    const memory = memoryStore();
    let failures = 1;
    const shaky = but(memory, {
      renew: async (...all) => {
        if (failures-- > 0) throw new Error('restarting');
        return memory.renew(...all);
      },
    });
    const one = processOn(shaky, { leaseMs: 300 });
    expect(await one.once(KEY, () => sleep(750).then(() => 1))).toBe(1);
    expect(one.types()).toEqual(['storeError', 'executed']);
    const two = processOn(but(memoryStore(), { renew: down }), { leaseMs: 60 });
    await expect(two.once(KEY, () => sleep(200))).rejects.toMatchObject({
      code: 'SAMEKEY_LEASE_LOST',
    });
  });

  it('to release is no reason to hide the error', async () => {
    const store = but(memoryStore(), { release: down });
    const { once } = processOn(store);
    const failing = () => {
      throw new Error('429');
    };
    await expect(once(KEY, failing)).rejects.toThrow('429');
  });
});

describe('close', () => {
  it('waits for no run of another process, and begins none', async () => {
    const store = memoryStore();
    await crash(store, KEY, 60_000);
    const { once } = processOn(store);
    let calls = 0;
    const waiting = once(KEY, () => ++calls);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'SAMEKEY_CLOSED' });
    await sleep(5);
    await once.close();
    await outcome;
    expect(calls).toBe(0);
  });
});
