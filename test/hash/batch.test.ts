import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Content,
  keyOf,
  keysOf,
  sha256,
  sha256Batch,
  sha256Hex,
  sha256HexBatch,
} from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';
import { random, randomBytes } from '../runtime/random.js';

const bytes = randomBytes(21, 400_000);

/** Contents of every kind and many lengths, no two alike. */
function mixed(count: number, seed: number): Content[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = Math.floor(next() ** 4 * 3000);
    const view = bytes.subarray(i, i + length);
    switch (Math.floor(next() * 8)) {
      case 0:
        return view;
      case 1:
        return view.slice().buffer;
      case 2:
        return new DataView(bytes.buffer, i, length);
      case 3:
        return `${i}${'é'.repeat(length)}`;
      case 4:
        return `${'🧳'.repeat(length % 100)}${i}`;
      case 5:
        return '';
      default:
        return `${i}${'plain '.repeat(length / 6)}`;
    }
  });
}

onEach(ENGINES, () => {
  it.each([0, 1, 2, 3, 4, 5, 31, 511, 512, 513, 2000])(
    'gives %i contents the digests and keys that they have alone, in their order',
    (count) => {
      const contents = mixed(count, count);
      expect(sha256Batch(contents)).toEqual(contents.map((content) => sha256(content)));
      for (const options of [undefined, {}, { bits: 128 }, { bits: 256 }] as const) {
        expect(sha256HexBatch(contents, options)).toEqual(
          contents.map((content) => sha256Hex(content, options)),
        );
      }
    },
  );

  it('takes a secret', () => {
    const contents = mixed(60, 60);
    for (const options of [{ secret: 's' }, { secret: bytes, bits: 128 }] as const) {
      expect(sha256HexBatch(contents, options)).toEqual(
        contents.map((content) => sha256Hex(content, options)),
      );
    }
  });

  it('takes short and long contents in one batch', () => {
    const lengths = [16_384, 16_385, 3, 65_536, 65_537, 200_000, 0, 131_072, 5, 399_000, 16_383];
    const views = lengths.map((length, i) => bytes.subarray(i, i + length));
    const texts = lengths.map((length, i) => `${i}${'x'.repeat(length)}`);
    const wide = lengths.map((length, i) => `${'東'.repeat(length)}${i}`);
    const contents = [...views, ...texts, ...wide];
    expect(sha256Batch(contents)).toEqual(contents.map((content) => sha256(content)));
    expect(sha256HexBatch(contents)).toEqual(contents.map((content) => sha256Hex(content)));
  });

  it('takes more long contents than are open at the same time', () => {
    const contents = Array.from({ length: 37 }, (_, i) => bytes.subarray(i, i + 17_000 + 999 * i));
    expect(sha256Batch(contents)).toEqual(contents.map((content) => sha256(content)));
  });

  it('has room for the longest texts that are packed, in three bytes a character', () => {
    for (const lengths of [
      [16_384, 16_384, 16_384, 16_384],
      [16_383, 1, 16_384, 16_382, 2, 1],
    ]) {
      const texts = lengths.map((length, i) => 'ॐ東あ'[i % 3]?.repeat(length) as string);
      const contents = [...texts, bytes.subarray(0, 16_384), ...texts.reverse()];
      expect(sha256HexBatch(contents)).toEqual(contents.map((content) => sha256Hex(content)));
    }
  });

  it('does not take the end of one text and the beginning of the next for a pair', () => {
    const pair = '🧳';
    const halves = [pair.slice(0, 1), pair.slice(1)];
    expectThrown(() => sha256HexBatch(halves), TypeError, {
      code: 'SAMEKEY_LONE_SURROGATE',
      message: /^Cannot digest content 0: /,
    });
    expect(sha256HexBatch([`a${pair}`, `${pair}b`])).toEqual([
      sha256Hex(`a${pair}`),
      sha256Hex(`${pair}b`),
    ]);
  });

  it('gives digests that are their own', () => {
    const [first, second] = sha256Batch(['a', 'b']);
    first?.fill(0);
    expect(second).toEqual(sha256('b'));
    expect(first?.buffer.byteLength).toBe(32);
  });

  it('gives values the keys that they have alone, in their order', () => {
    const next = random(5);
    const values = Array.from({ length: 700 }, (_, i) => ({
      i,
      trace_id: next(),
      text: 'é"\n'.repeat(next() ** 6 * 60_000),
      list: [next(), null, true],
    }));
    for (const identity of [
      undefined,
      { bits: 128 },
      { scope: ['a', 'b'], exclude: ['trace_id'] },
      { include: ['i', 'text'] },
      { secret: 'k' },
    ] as const) {
      const some = identity === undefined ? values : values.slice(0, 100);
      expect(keysOf(some, identity)).toEqual(some.map((value) => keyOf(value, identity)));
    }
    const long = Array.from({ length: 6 }, (_, i) => ({ i, text: 'x'.repeat(30_000 * i) }));
    expect(keysOf(long)).toEqual(long.map((value) => keyOf(value)));
  });

  it('stays right when a value makes keys of its own', () => {
    const nested = (i: number) => ({
      toJSON: () => ({ i, keys: sha256HexBatch([`${i}`, 'b'.repeat(i)]), more: keysOf([i, [i]]) }),
    });
    const values = Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? nested(i) : { i }));
    expect(keysOf(values)).toEqual(values.map((value) => keyOf(value)));
  });

  it('stays right after one that was broken off', () => {
    const contents = mixed(40, 3);
    for (const bad of [{}, '\ud800'] as never[]) {
      expect(thrownBy(() => sha256HexBatch([...contents, bad]))).toBeInstanceOf(TypeError);
      expect(thrownBy(() => keysOf([{ a: 1 }, { a: bad, b: () => 1 }]))).toBeInstanceOf(TypeError);
      expect(sha256HexBatch(contents)).toEqual(contents.map((content) => sha256Hex(content)));
    }
  });

  it('is the same as one after the other, for any contents', () => {
    const content = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(fc.array(content, { maxLength: 40 }), (contents) => {
        expect(sha256HexBatch(contents)).toEqual(contents.map((each) => sha256Hex(each)));
        expect(sha256Batch(contents)).toEqual(contents.map((each) => sha256(each)));
      }),
    );
  });
});

describe('bad input', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text, which is one content', 'abc'],
    ['bytes, which are one content', bytes],
    ['an iterator', ['a'].values()],
    ['an object', { length: 1, 0: 'a' }],
  ])('is refused as a list: %s', (_, list) => {
    for (const act of [sha256Batch, sha256HexBatch, keysOf]) {
      expectThrown(() => act(list as never), TypeError, {
        code: 'SAMEKEY_BAD_ARGUMENT',
        message: /it is .*, wanted an array/,
      });
    }
  });

  it.each<[string, unknown, string]>([
    ['undefined', undefined, 'undefined'],
    ['a number', 7, 'a number'],
    ['an array of bytes', [97], 'an array'],
    ['a Blob', new Blob(['a']), 'a Blob'],
  ])('is named by its index among contents: %s', (_, bad, name) => {
    const contents = ['a', new Uint8Array(0), bad, 'b'] as Content[];
    for (const act of [sha256Batch, sha256HexBatch]) {
      expectThrown(() => act(contents), TypeError, {
        code: 'SAMEKEY_BAD_ARGUMENT',
        message: `Cannot digest content 2: it is ${name}, wanted text or bytes`,
      });
    }
  });

  it('is found in the holes of a list', () => {
    // biome-ignore lint/suspicious/noSparseArray: that is the point
    const holes = ['a', , 'b'] as never;
    expectThrown(() => sha256HexBatch(holes), TypeError, { code: 'SAMEKEY_BAD_ARGUMENT' });
    expectThrown(() => keysOf(holes), TypeError, { code: 'SAMEKEY_NOT_JSON' });
  });

  it('is refused as options', () => {
    for (const [options, Class] of [
      [{ bits: 64 }, RangeError],
      [{ bit: 128 }, TypeError],
      [{ secret: undefined }, TypeError],
      [0, TypeError],
    ] as const) {
      expectThrown(() => sha256HexBatch(['a'], options as never), Class, {
        code: 'SAMEKEY_BAD_ARGUMENT',
      });
    }
    expectThrown(() => keysOf([1], { scopes: 's' } as never), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
    });
  });

  it('is named by its index and path among values', () => {
    expectThrown(() => keysOf([{}, { a: [1, Number.NaN] }]), RangeError, {
      code: 'SAMEKEY_NOT_FINITE',
      path: '/a/1',
      message: 'Cannot canonicalize value 1 at "/a/1": NaN is not a JSON number',
    });
    expectThrown(() => keysOf([{ a: 1 }, { b: 1 }], { include: ['a'] }), RangeError, {
      code: 'SAMEKEY_EMPTY_IDENTITY',
      message: /^Cannot make a key: no include path matches value 1/,
    });
  });

  it('thrown by other code is passed through unchanged', () => {
    for (const thrown of [new Error('mine'), 'text', null, undefined]) {
      const value = {
        toJSON() {
          throw thrown;
        },
      };
      expect(thrownBy(() => keysOf([value]))).toBe(thrown);
    }
  });
});
