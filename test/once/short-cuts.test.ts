import { describe, expect, it } from 'vitest';
import { canonicalBytes, randomKey } from '../../src/index.js';
import { type CallOptions, createOnce, jsonCodec } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { sleep } from './scene.js';

/** What a caller sees of a call. */
async function seen(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return { value: await call() };
  } catch (error) {
    const { name, code, message } = error as { name: string; code?: string; message: string };
    return { name, code, message };
  }
}

type Call = readonly [options: CallOptions | undefined, fn?: unknown];

const storeErrors = () => true;
const fails = () => {
  throw Object.assign(new RangeError('of the function'), { code: 'E', status: 500 });
};
const aborted = AbortSignal.abort(new Error('of the caller'));

describe('a replay from the cache', () => {
  const calls: Record<string, Call> = {
    plain: [undefined],
    'empty options': [{}],
    'no options': [null as never],
    'another option': [{ wait: 1 } as never],
    'no function': [undefined, 'text'],
    'the same fingerprint': [{ fingerprint: 'a' }],
    'another fingerprint': [{ fingerprint: 'b' }],
    'a fingerprint that is no text': [{ fingerprint: 7 as never }],
    fresh: [{ fresh: true }, () => 'ran again'],
    'an aborted signal': [{ signal: aborted }],
    'an open signal': [{ signal: new AbortController().signal }],
  };
  const results = { 'a value': () => ({ list: [1, 'é'] }), 'an error': fails };

  for (const [ofWhat, first] of Object.entries(results)) {
    it.each(Object.entries(calls))(`answers as the store does: ${ofWhat}, %s`, async (_, call) => {
      const [options, fn = () => 'not run'] = call;
      const key = randomKey();
      const [cached, stored] = await Promise.all(
        [{}, { cache: false } as const].map(async (cache) => {
          const once = createOnce({ store: memoryStore(), storeErrors, ...cache });
          await once(key, first, { fingerprint: 'a' }).catch(() => {});
          const short = await seen(() => once(key, fn as never, options));
          const long = await seen(() => once.detailed(key, fn as never, options));
          const { value } = (long as { value?: { value: unknown } }).value ?? {};
          if ('value' in (short as object))
            expect(value).toEqual((short as { value: unknown }).value);
          else expect(long).toEqual(short);
          const { executed, failed, replayed, mismatches } = once.stats();
          await once.close();
          const afterClose = await seen(() => once(key, fn as never, options));
          return { short, afterClose, executed, failed, replayed, mismatches };
        }),
      );
      expect(cached).toEqual(stored);
    });
  }

  it('decodes a copy for each caller', async () => {
    const once = createOnce({ store: memoryStore() });
    const key = randomKey();
    await once(key, () => ({ list: [1] }));
    for (let caller = 0; caller < 3; caller++) {
      const value = (await once(key, () => ({ list: [] }))) as { list: number[] };
      expect(value).toEqual({ list: [1] });
      value.list.push(2);
    }
  });
});

describe('a duplicate without a limit of its own', () => {
  const limits: Record<string, CallOptions | undefined> = {
    none: undefined,
    signal: { signal: new AbortController().signal },
  };
  const later = (end: () => unknown) => async () => {
    await sleep(15);
    return end();
  };
  const functions = {
    value: later(() => ({ id: 1 })),
    error: later(fails),
    'stored error': later(fails),
    'no JSON': later(() => new Map()),
  };

  it.each(Object.entries(functions))('gets what one with a limit gets: %s', async (name, fn) => {
    const ways = [
      [limits.none, undefined],
      [limits.signal, undefined],
      [limits.none, 60_000],
      [limits.signal, 60_000],
    ] as const;
    const all = await Promise.all(
      ways.map(async ([options, waitMs]) => {
        const once = createOnce({
          store: memoryStore(),
          ...(waitMs !== undefined && { waitMs }),
          ...(name === 'stored error' && { storeErrors }),
        });
        const key = 'order-7';
        const calls = Array.from({ length: 4 }, () => seen(() => once(key, fn, options)));
        const seenBy = await Promise.all(calls);
        const { inFlight, ...counts } = once.stats();
        await once.close();
        return { seenBy, inFlight, counts };
      }),
    );
    for (const each of all) expect(each).toEqual(all[0]);
    expect(all[0]?.seenBy).toHaveLength(4);
    expect(all[0]?.inFlight).toBe(0);
  });

  it('starts a run of its own if the one that it joined had been given up', async () => {
    const memory = memoryStore();
    let answer = () => {};
    const other = createOnce({ store: memory });
    const key = randomKey();
    const held = other(
      key,
      () => new Promise<string>((resolve) => (answer = () => resolve('other'))),
    );
    await sleep(5);
    const once = createOnce({ store: memory });
    const controller = new AbortController();
    const leaving = once(key, () => 'first', { signal: controller.signal });
    await sleep(30);
    controller.abort(new Error('left'));
    const staying = Array.from({ length: 3 }, () => once(key, () => 'second'));
    await expect(leaving).rejects.toThrow('left');
    answer();
    expect(await held).toBe('other');
    expect(await Promise.all(staying)).toEqual(['other', 'other', 'other']);
    await Promise.all([once.close(), other.close()]);
  });
});

describe('a function that returns no promise', () => {
  const thenable = (value: unknown) => ({
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested.
    then: (resolve: (value: unknown) => void) => setTimeout(() => resolve(value), 5),
  });
  const ways: Record<string, (value: unknown) => unknown> = {
    value: (value) => value,
    promise: async (value) => value,
    thenable,
    'promise of a thenable': (value) => Promise.resolve(thenable(value)),
  };

  it.each([1, 'text', null, undefined, { a: [1] }, Number.NaN, () => 1])(
    'ends as one that returns a promise: %s',
    async (value) => {
      const all = await Promise.all(
        Object.values(ways).map(async (way) => {
          const once = createOnce({ store: memoryStore(), timeoutMs: 60_000 });
          const first = await seen(() => once('order-7', () => way(value)));
          const second = await seen(() => once('order-7', () => 'ran again'));
          await once.close();
          return { first, second };
        }),
      );
      for (const each of all) expect(each).toEqual(all[0]);
    },
  );
});

describe('the check of a result', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  let deep: unknown = 1;
  for (let level = 0; level < 1001; level++) deep = [deep];

  it.each([
    { a: 1, list: ['é', null, true, -0, 1e21], when: new Date(0), none: undefined },
    [1, 2, 3, 4, 5, 6, 7, 8, Number.POSITIVE_INFINITY],
    'x'.repeat(200_000),
    `${'x'.repeat(200_000)}\ud800`,
    { '\udfff': 1 },
    Number.NaN,
    [undefined],
    new Map(),
    10n,
    cycle,
    deep,
  ])('refuses and accepts as canonical JSON does, case %#', (value) => {
    const errorOf = (write: () => unknown) => {
      try {
        write();
        return undefined;
      } catch (error) {
        const { name, code, message, path } = error as Record<string, unknown>;
        return { name, code, message, path };
      }
    };
    const refusal = errorOf(() => canonicalBytes(value));
    expect(errorOf(() => jsonCodec.encode(value))).toEqual(refusal);
    if (refusal !== undefined) return;
    expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(JSON.parse(JSON.stringify(value)));
  });
});
