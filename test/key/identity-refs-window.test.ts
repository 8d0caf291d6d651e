import { describe, expect, it } from 'vitest';
import {
  defineIdentity,
  explain,
  identities,
  keyOf,
  keyOfJson,
  scoped,
  sha256Hex,
} from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';

const IMAGE = 'iVBORw0KGgo='.repeat(10_000);

const request = (data: unknown, text = 'What is this?') => ({
  messages: [{ role: 'user', content: [{ type: 'text', text }, { source: { data } }] }],
});
const DATA = '$.messages[*].content[*].source.data';

/** A cache that counts. */
class Counting extends Map<string, string> {
  gets = 0;
  sets = 0;
  override get(text: string) {
    this.gets++;
    return super.get(text);
  }
  override set(text: string, digest: string) {
    this.sets++;
    return super.set(text, digest);
  }
}

const digestOf = (value: unknown) => `sha256:${keyOf(value).slice(3)}`;

onEach(ENGINES, () => {
  describe('refs', () => {
    it('put the digest of a value where the value stood', () => {
      for (const value of [IMAGE, '', 'é"\n', { b: 1, a: [2] }, [1, 2, 3], 7, null, true]) {
        expect(keyOf(request(value), { refs: [DATA] })).toBe(keyOf(request(digestOf(value))));
      }
    });

    it('digest the canonical form: member order and dates do not matter', () => {
      const refs = ['doc'];
      expect(keyOf({ doc: { b: 1, a: 2 } }, { refs })).toBe(
        keyOf({ doc: { a: 2, b: 1 } }, { refs }),
      );
      const date = new Date(0);
      expect(keyOf({ doc: date }, { refs })).toBe(keyOf({ doc: date.toJSON() }, { refs }));
    });

    it('may name the whole value, or nothing that is there', () => {
      expect(keyOf({ a: 1 }, { refs: ['$'] })).toBe(keyOf(digestOf({ a: 1 })));
      expect(keyOf({ a: 1 }, { refs: ['b', '$.a.c'] })).toBe(keyOf({ a: 1 }));
    });

    it('digest what the other paths leave of a value', () => {
      const value = { doc: { keep: 1, trace_id: 'x', part: 'y' } };
      const identity = { refs: ['doc', '$.doc.part'], exclude: ['$..trace_id'] };
      const left = { keep: 1, part: digestOf('y') };
      expect(keyOf(value, identity)).toBe(keyOf({ doc: digestOf(left) }));
      expect(explain(value, identity).excluded).toEqual([
        { path: '/doc/trace_id', by: '$..trace_id' },
      ]);
    });

    it.each([[Promise.resolve('a')], ['abc'], [7], [{}]])(
      'refuse a cache that gives %s: it would stand for every value',
      (given) => {
        const cache = { get: () => given as never, set() {} };
        expect(() => keyOf(request(IMAGE), { refs: { paths: [DATA], cache } })).toThrow(
          /^Cannot use refs.cache: its get gave /,
        );
      },
    );

    it('take null from a cache for a miss', () => {
      const cache = { get: () => null as never, set() {} };
      const identity = { refs: { paths: [DATA], cache } };
      expect(keyOf(request('A'), identity)).toBe(keyOf(request('A'), { refs: [DATA] }));
    });

    it('give way to exclude, and to include', () => {
      const value = { a: 'x', b: 'y', c: 1 };
      expect(keyOf(value, { refs: ['a'], exclude: ['a'] })).toBe(keyOf({ b: 'y', c: 1 }));
      expect(keyOf(value, { refs: ['a', 'b'], include: ['b', 'c'] })).toBe(
        keyOf({ b: digestOf('y'), c: 1 }),
      );
    });

    it('ask the cache first, and tell it', () => {
      const cache = new Counting();
      const identity = defineIdentity({ refs: { paths: [DATA], cache } });
      const first = keyOf(request(IMAGE), identity);
      expect([cache.gets, cache.sets, cache.size]).toEqual([1, 1, 1]);
      expect([...cache]).toEqual([[IMAGE, digestOf(IMAGE).slice(7)]]);
      expect(keyOf(request(IMAGE), identity)).toBe(first);
      expect([cache.gets, cache.sets]).toEqual([2, 1]);
      expect(keyOf(request(IMAGE, 'And now?'), identity)).not.toBe(first);
      expect([cache.gets, cache.sets]).toEqual([3, 1]);
      expect(keyOf(request(IMAGE), { refs: [DATA] })).toBe(first);
    });

    it('believe the cache', () => {
      const cache = new Map([['known', 'f'.repeat(64)]]);
      expect(keyOf({ a: 'known' }, { refs: { paths: ['a'], cache } })).toBe(
        keyOf({ a: `sha256:${'f'.repeat(64)}` }),
      );
    });

    it('never cache an object, which may change', () => {
      const cache = new Counting();
      const identity = defineIdentity({ refs: { paths: ['doc'], cache } });
      const doc = { a: 1 };
      const first = keyOf({ doc }, identity);
      doc.a = 2;
      expect(keyOf({ doc }, identity)).not.toBe(first);
      expect(keyOf({ doc: 7 }, identity)).toBe(keyOf({ doc: digestOf(7) }));
      expect([cache.gets, cache.sets]).toEqual([0, 0]);
    });

    it('let an error of the cache pass through', () => {
      const failure = new Error('from the cache');
      const cache = {
        get() {
          throw failure;
        },
        set() {},
      };
      const identity = { refs: { paths: ['a'], cache } };
      expect(thrownBy(() => keyOf({ a: 'text' }, identity))).toBe(failure);
      expect(keyOf({ a: 'text' })).toBe(sha256Hex('{"a":"text"}'));
    });

    it('may digest large values in the middle of a large document', () => {
      const large = { before: 'x'.repeat(100_000), data: IMAGE, z: 'y'.repeat(100_000) };
      expect(keyOf(large, { refs: ['data'] })).toBe(keyOf({ ...large, data: digestOf(IMAGE) }));
    });
  });

  describe('refs inside refs', () => {
    const nested = (count: number) => {
      let value: unknown = 1;
      for (let i = 0; i < count; i++) value = { data: value };
      return value;
    };
    const identity = defineIdentity({ refs: ['$..data'] });

    it('are a hundred at most, for values and for texts', () => {
      const key = keyOf(nested(100), identity);
      expect(keyOfJson(JSON.stringify(nested(100)), identity)).toBe(key);
      for (const make of [
        () => keyOf(nested(101), identity),
        () => keyOfJson(JSON.stringify(nested(101)), identity),
        () => keyOfJson(JSON.stringify(nested(900)), identity),
      ]) {
        expectThrown(make, RangeError, {
          code: 'SAMEKEY_TOO_DEEP',
          path: '/data'.repeat(101),
          message: /deeper than the 100 levels of refs/,
        });
      }
      // The failed call leaves no state behind.
      expect(keyOf(nested(100), identity)).toBe(key);
      expect(keyOfJson(JSON.stringify(nested(100)), identity)).toBe(key);
    });

    it('side by side are as many as there are', () => {
      const value = Array.from({ length: 300 }, (_, i) => ({ data: i }));
      expect(keyOfJson(JSON.stringify(value), identity)).toBe(keyOf(value, identity));
    });
  });

  describe('window', () => {
    const at = (nowMs: number, lengthMs = 60_000) => ({ window: { lengthMs, clock: () => nowMs } });

    it('is one more scope: its length and its number', () => {
      expect(keyOf(1, at(0))).toBe(scoped('window=60000:0', '1'));
      expect(keyOf(1, at(119_999))).toBe(scoped('window=60000:1', '1'));
      expect(keyOf(1, { scope: ['a', 'b'], ...at(120_000) })).toBe(
        scoped(['a', 'b', 'window=60000:2'], '1'),
      );
      expect(keyOf(1, at(-1))).toBe(scoped('window=60000:-1', '1'));
      expect(keyOf(1, at(7.9, 1))).toBe(scoped('window=1:7', '1'));
    });

    it('gives one key as long as it lasts, and another in the next', () => {
      const startMs = 1_700_000_000_000 - (1_700_000_000_000 % 60_000);
      const keys = [0, 1, 59_999, 60_000, 119_999, 120_000].map((ms) => keyOf(1, at(startMs + ms)));
      expect(keys[0]).toBe(keys[1]);
      expect(keys[0]).toBe(keys[2]);
      expect(keys[3]).not.toBe(keys[0]);
      expect(keys[3]).toBe(keys[4]);
      expect(keys[5]).not.toBe(keys[3]);
    });

    it('of another length is another window', () => {
      expect(keyOf(1, at(0, 1000))).not.toBe(keyOf(1, at(0, 2000)));
    });

    it('reads the clock of an identity at each key', () => {
      let nowMs = 0;
      const identity = defineIdentity({ window: { lengthMs: 10, clock: () => nowMs } });
      const first = keyOf(1, identity);
      nowMs = 9;
      expect(keyOf(1, identity)).toBe(first);
      nowMs = 10;
      expect(keyOf(1, identity)).not.toBe(first);
    });

    it('is explained by the window that the key was made in', () => {
      let nowMs = 0;
      const explained = explain(1, { window: { lengthMs: 1, clock: () => nowMs++ } });
      expect(explained.key).toBe(scoped(explained.scopes, explained.canonical));
    });

    it('refuses a clock that gives no time', () => {
      const refused = { code: 'SAMEKEY_BAD_IDENTITY' } as const;
      for (const nowMs of [Number.NaN, Number.POSITIVE_INFINITY]) {
        expectThrown(() => keyOf(1, at(nowMs)), RangeError, refused);
      }
      for (const nowMs of [undefined, '5', 5n, new Date(0)]) {
        expectThrown(() => keyOf(1, at(nowMs as never)), TypeError, refused);
      }
    });

    it('goes with a preset', () => {
      expect(keyOf({ a: 1, trace_id: 1 }, { ...identities.volatile, ...at(0) })).toBe(
        keyOf({ a: 1 }, at(0)),
      );
    });
  });
});

describe('a window without a clock', () => {
  it('uses the time of day', () => {
    const lengthMs = 2 ** 50;
    const number = Math.floor(Date.now() / lengthMs);
    expect(keyOf(1, { window: { lengthMs } })).toBe(scoped(`window=${lengthMs}:${number}`, '1'));
  });
});
