import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, never, processOn, sleep } from './scene.js';

describe('what happens in one tick', () => {
  it('a caller that joins and aborts is let go', async () => {
    const { once } = processOn(memoryStore());
    const key = randomKey();
    let finish = (_: number) => {};
    const first = once(key, () => new Promise<number>((resolve) => (finish = resolve)));
    await sleep(5);
    const controller = new AbortController();
    const second = once(key, () => 2, { signal: controller.signal });
    controller.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    finish(1);
    expect(await first).toBe(1);
  });

  it('a caller that aborts does not count as waiting: the last one to leave aborts the run', async () => {
    const { once } = processOn(memoryStore(), { onAbandoned: 'abort' });
    const key = randomKey();
    let aborted = false;
    const hang = ({ signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return never();
    };
    const [one, two] = [new AbortController(), new AbortController()];
    const first = once(key, hang, { signal: one.signal });
    await sleep(5);
    const second = once(key, hang, { signal: two.signal });
    two.abort();
    await expect(second).rejects.toMatchObject({ name: 'AbortError' });
    expect(aborted).toBe(false);
    one.abort();
    await expect(first).rejects.toMatchObject({ name: 'AbortError' });
    expect(aborted).toBe(true);
  });

  it('no function starts for a caller that aborts in the tick of its call', async () => {
    const store = memoryStore();
    const { once, types } = processOn(store, { onAbandoned: 'abort' });
    const key = randomKey();
    const controller = new AbortController();
    let runs = 0;
    const call = once(key, () => ++runs, { signal: controller.signal });
    controller.abort(new Error('left'));
    await expect(call).rejects.toThrow('left');
    await once.close();
    expect({ runs, types: types(), record: (await store.read(key)).record }).toEqual({
      runs: 0,
      types: [],
      record: undefined,
    });
  });

  it.each(['join', 'reject'] as const)(
    'the abort of one caller does not reach another that comes meanwhile (%s)',
    async (onDuplicate) => {
      const memory = memoryStore();
      let answer = () => {};
      const store = but(memory, {
        claim: async (...all) => {
          await new Promise<void>((resolve) => (answer = resolve));
          return memory.claim(...all);
        },
      });
      const { once } = processOn(store, { onAbandoned: 'abort', onDuplicate });
      const key = randomKey();
      const controller = new AbortController();
      const signals: boolean[] = [];
      const call = ({ signal }: { signal: AbortSignal }) => {
        signals.push(signal.aborted);
        return 'ran';
      };
      const leaving = once(key, call, { signal: controller.signal });
      await sleep(5);
      controller.abort(new Error('of the first'));
      const staying = once.detailed(key, call).catch((error) => error);
      await expect(leaving).rejects.toThrow('of the first');
      const poll = setInterval(() => answer(), 5);
      const stayed = await staying;
      clearInterval(poll);
      // The run may refuse a duplicate that does not wait, but the abort of another caller may not.
      expect(onDuplicate === 'join' ? ['ran'] : ['ran', 'SAMEKEY_IN_PROGRESS']).toContain(
        stayed.value ?? stayed.code,
      );
      expect(signals).not.toContain(true);
    },
  );

  it('a signal that has aborted already is heard', async () => {
    const { once } = processOn(memoryStore());
    const key = randomKey();
    const first = once(key, never);
    await sleep(5);
    const signal = AbortSignal.abort(new Error('before'));
    await expect(once(key, () => 1, { signal })).rejects.toThrow('before');
    first.catch(() => {});
  });
});
