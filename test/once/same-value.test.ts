import { describe, expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { type Codec, createOnce, jsonCodec, onceTool, richCodec } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import { but, crash, processOn, sleep } from './scene.js';

class Money {
  readonly #cents = 1050;
  toJSON() {
    return { cents: this.#cents };
  }
}

class Point {
  x = 1;
  y: number | undefined = undefined;
}

/** Results that JSON changes, and what every caller receives. */
const CHANGED: Record<string, [make: () => unknown, kept: unknown]> = {
  'a Date': [() => ({ at: new Date(0) }), { at: '1970-01-01T00:00:00.000Z' }],
  'a Date alone': [() => new Date(0), '1970-01-01T00:00:00.000Z'],
  'undefined members': [() => ({ a: undefined, b: [{ c: undefined }] }), { b: [{}] }],
  '-0': [() => [-0, { zero: -0 }], [0, { zero: 0 }]],
  '-0 alone': [() => -0, 0],
  'a toJSON': [() => ({ price: new Money() }), { price: { cents: 1050 } }],
  'an instance of a class': [() => new Point(), { x: 1 }],
  'a URL': [() => new URL('https://shop.example'), 'https://shop.example/'],
  'an object without a prototype': [() => Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  'nothing to change': [() => ({ list: ['é', 1, null, true] }), { list: ['é', 1, null, true] }],
  text: [() => 'é'.repeat(1000), 'é'.repeat(1000)],
  nothing: [() => undefined, undefined],
};

describe('a result that JSON changes', () => {
  it.each(Object.entries(CHANGED))('is the same to every caller: %s', async (_, [make, kept]) => {
    const store = memoryStore();
    const here = processOn(store).once;
    const there = processOn(store, { cache: false }).once;
    const key = randomKey();
    const run = async () => {
      await sleep(20);
      return make();
    };
    const together = [here(key, run), here(key, run), there(key, run), there(key, run)];
    const later = async () => [
      await here(key, run),
      (await here.detailed(key, run)).value,
      await there(key, run),
      await here(key, make, { fresh: true }),
    ];
    const all = [...(await Promise.all(together)), ...(await later())];
    // `toEqual` takes -0 and 0 for different numbers, and an instance for a plain object.
    for (const each of all) expect(each).toStrictEqual(kept);
  });

  it.each(Object.entries(CHANGED))(
    'is so without a store, and as the result of onUnknown: %s',
    async (_, [make, kept]) => {
      const down = but(memoryStore(), { claim: () => Promise.reject(new Error('ECONNREFUSED')) });
      const unprotected = processOn(down, { onStoreError: 'run' }).once;
      const key = randomKey();
      const both = [unprotected(key, make), unprotected(key, make)];
      expect(await Promise.all(both)).toStrictEqual([kept, kept]);

      const store = memoryStore();
      await crash(store, key, 10);
      await sleep(15);
      const asking = processOn(store, { onUnknown: () => ({ value: make() }) }).once;
      expect([await asking(key, make), await asking(key, make)]).toStrictEqual([kept, kept]);
    },
  );

  it('is a copy: the function and no other caller sees what a caller changes', async () => {
    const own = { list: [1] };
    const { once } = processOn(memoryStore());
    const first = await once('order-7', () => own);
    first.list.push(2);
    expect([own, await once('order-7', () => own)]).toEqual([{ list: [1] }, { list: [1] }]);
  });
});

describe('a result that JSON would lose', () => {
  it.each<[string, unknown, RegExp]>([
    ['NaN', { n: [1, Number.NaN] }, /"\/n\/1".*NaN/],
    ['a BigInt', { id: 1n }, /"\/id".*BigInt/],
    ['a Map', { map: new Map() }, /"\/map".*Map/],
    ['undefined in a list', [1, undefined], /"\/1".*undefined/],
    ['a function', { f: () => 1 }, /"\/f".*function/],
  ])('is refused with its path, the codec and the value: %s', async (_, value, message) => {
    const { once } = processOn(memoryStore());
    const run = async () => {
      await sleep(5);
      return value;
    };
    const all = await Promise.allSettled([once('order-7', run), once('order-7', run)]);
    for (const each of all) {
      expect(each).toMatchObject({ reason: { code: 'SAMEKEY_UNSTORABLE' } });
      const { reason } = each as PromiseRejectedResult;
      expect(reason.message).toMatch(message);
      expect(reason.message).toMatch(/wanted JSON, or a codec such as richCodec$/);
      expect(reason.value).toBe(value);
    }
  });
});

describe('a codec of the program', () => {
  /** Keeps dates to the second. */
  const seconds: Codec = {
    name: 'seconds',
    encode: (value) => Uint8Array.of((value as Date).getUTCSeconds()),
    decode: ([count = 0]) => new Date(count * 1000),
  };

  it('gives the first caller what it gives the others', async () => {
    const once = createOnce({ store: memoryStore(), codec: seconds });
    const run = () => new Date(1999);
    const all = [await once('order-7', run), await once('order-7', run)];
    expect(all.map((date) => date.getTime())).toEqual([1000, 1000]);
  });

  it('that cannot read what it wrote does not lose the value', async () => {
    const decode = () => {
      throw new Error('not implemented');
    };
    const once = createOnce({ store: memoryStore(), codec: { ...seconds, decode } });
    const value = new Date(0);
    await expect(once('order-7', () => value)).rejects.toMatchObject({
      code: 'SAMEKEY_UNSTORABLE',
      message:
        'Cannot store the result of order-7: the codec "seconds" cannot read what it wrote: not implemented',
      value,
    });
  });

  it('may keep everything', async () => {
    const once = createOnce({ store: memoryStore(), codec: richCodec });
    const value = { at: new Date(5), zero: -0, none: undefined, map: new Map([[1n, NaN]]) };
    const run = () => value;
    expect([await once('order-7', run), await once('order-7', run)]).toStrictEqual([value, value]);
  });
});

describe('the types', () => {
  const store = memoryStore();
  const run = async () => ({
    at: new Date(0),
    price: new Money(),
    note: undefined as string | undefined,
  });

  it('say what JSON returns', async () => {
    const once = createOnce({ store });
    const { at, price } = await once('json', run);
    const text: string = at;
    const cents: number = price.cents;
    // @ts-expect-error: a text is no Date.
    expect(() => at.getTime()).toThrow(TypeError);
    expect([text, cents]).toEqual(['1970-01-01T00:00:00.000Z', 1050]);
    const named = createOnce({ store, codec: jsonCodec });
    const again: string = (await named.detailed('json', run)).value.at;
    expect(again).toBe(text);
    interface Answer {
      readonly answer: number;
      readonly parts?: readonly [string, { readonly id: string | null }];
    }
    const answer: Answer = await once('answer', (): Answer => ({ answer: 1 }));
    expect(answer).toEqual({ answer: 1 });
  });

  it('say that another codec keeps values', async () => {
    const once = createOnce({ store: memoryStore(), codec: richCodec });
    const at: Date = (await once('rich', () => ({ at: new Date(0) }))).at;
    expect(at.getTime()).toBe(0);
    const tool = onceTool('now', async () => new Date(0), { once });
    expect((await tool({})).getTime()).toBe(0);
  });

  it('say the same of a tool', async () => {
    const tool = onceTool('now', async () => new Date(0));
    const text: string = await tool({});
    expect(text).toBe('1970-01-01T00:00:00.000Z');
  });
});
