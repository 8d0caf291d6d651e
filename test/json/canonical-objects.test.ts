import { describe, expect, it } from 'vitest';
import { canonicalize, explain, keyOf, sha256Hex, useEngine } from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';

/** Records the keys that its `toJSON` is called with. */
function spy(keys: unknown[], result: unknown) {
  return {
    toJSON(...args: unknown[]) {
      keys.push(args.length === 1 ? args[0] : args);
      return result;
    },
  };
}

onEach(CANONICALIZERS, (choice) => {
  describe('toJSON', () => {
    it('is called with the key that JSON.stringify calls it with', () => {
      const make = (keys: unknown[]) => ({
        b: [0, spy(keys, 1), { c: spy(keys, 2) }],
        a: spy(keys, 3),
        '1': spy(keys, 4),
      });
      const [ours, theirs]: [unknown[], unknown[]] = [[], []];
      expect(JSON.parse(canonicalize(make(ours)))).toEqual(
        JSON.parse(JSON.stringify(make(theirs))),
      );
      expect(ours.every((key) => typeof key === 'string')).toBe(true);
      expect([...ours].sort()).toEqual([...theirs].sort());
      const [root, rootOfTheirs]: [unknown[], unknown[]] = [[], []];
      expect(canonicalize(spy(root, [1]))).toBe(JSON.stringify(spy(rootOfTheirs, [1])));
      expect(root).toEqual(['']);
      expect(root).toEqual(rootOfTheirs);
    });

    it('is called once each, also under an identity', () => {
      for (const identity of [undefined, { exclude: ['$.x'] }, { include: ['$..*'] }]) {
        const keys: unknown[] = [];
        keyOf({ a: spy(keys, 1), b: [spy(keys, 2)] }, identity);
        expect(keys.sort()).toEqual(['0', 'a']);
      }
    });

    it('is not called on its own result', () => {
      class Money {
        constructor(readonly cents: number) {}
        toJSON() {
          return { money: this.cents };
        }
      }
      class Wallet {
        toJSON() {
          return Object.assign(Object.create({ toJSON: () => 'again' }), { coins: 1 });
        }
      }
      expect(canonicalize([new Money(5)])).toBe('[{"money":5}]');
      expect(canonicalize(new Wallet())).toBe(JSON.stringify(new Wallet()));
      const value = { a: new Wallet() };
      expect(canonicalize(value)).toBe(JSON.stringify(value));
      const { referenced } = explain(value, { refs: ['$.a'] });
      expect(`ik_${referenced[0]?.sha256}`).toBe(sha256Hex('{"coins":1}'));
    });

    it('that gives undefined leaves a member out and is refused elsewhere', () => {
      expect(canonicalize({ a: spy([], undefined), b: 1 })).toBe('{"b":1}');
      const notJson = { code: 'SAMEKEY_NOT_JSON' } as const;
      expectThrown(() => canonicalize([spy([], undefined)]), TypeError, { ...notJson, path: '/0' });
      expectThrown(() => canonicalize(spy([], undefined)), TypeError, { ...notJson, path: '' });
    });

    it('that throws passes through, and everything stays usable', () => {
      const failure = new Error('from toJSON');
      const bad = {
        toJSON() {
          throw failure;
        },
      };
      for (const value of [bad, [bad], { a: 'x'.repeat(70_000), b: { c: bad } }]) {
        expect(thrownBy(() => keyOf(value))).toBe(failure);
        expect(thrownBy(() => explain(value, { exclude: ['$.x'] }))).toBe(failure);
        expect(canonicalize({ b: 1, a: 'é"' })).toBe('{"a":"é\\"","b":1}');
      }
    });

    it('that makes a key of its own does not disturb the one being made', () => {
      const long = '\u0001é'.repeat(50_000);
      const inner = { list: [long, { x: 1 }] };
      const reentrant = {
        toJSON: () => ({ key: keyOf(inner), text: canonicalize([long]).length }),
      };
      const value = [long, 'before', reentrant, { deep: reentrant }, 'after', long];
      const plain = JSON.parse(JSON.stringify(value));
      expect(plain[2].key).toBe(keyOf(inner));
      expect(canonicalize(value) === JSON.stringify(plain)).toBe(true);
      expect(keyOf(value)).toBe(keyOf(plain));
      expect(keyOf(value, { refs: ['$[0]', '$[3]'] })).toBe(
        keyOf(plain, { refs: ['$[0]', '$[3]'] }),
      );
    });

    it('that makes a key of its own may fail and be caught', () => {
      const reentrant = {
        toJSON() {
          try {
            return keyOf([1n]);
          } catch (error) {
            return (error as { path: string }).path;
          }
        },
      };
      expect(canonicalize(['a', reentrant, 'b'])).toBe('["a","/0","b"]');
    });

    it('that switches engines does not disturb the key being made', () => {
      const plain = ['x'.repeat(70_000), 'switched', 'y'.repeat(70_000)];
      const expected = keyOf(plain);
      for (const other of ['js', 'native', 'wasm'] as const) {
        const switching = {
          toJSON() {
            useEngine(other);
            return 'switched';
          },
        };
        expect(keyOf(plain.with(1, switching as never))).toBe(expected);
        useEngine(choice);
      }
    });

    it('of a date is its ISO text', () => {
      expect(canonicalize([new Date(0), { at: new Date(1) }])).toBe(
        '["1970-01-01T00:00:00.000Z",{"at":"1970-01-01T00:00:00.001Z"}]',
      );
      expect(canonicalize(new URL('https://example.com/a b'))).toBe('"https://example.com/a%20b"');
    });
  });

  describe('objects', () => {
    it.each([
      ['without a prototype', Object.assign(Object.create(null), { b: 1, a: 2 })],
      [
        'of a class',
        new (class Point {
          y = 1;
          x = 2;
        })(),
      ],
      ['of a class without members', new (class Empty {})()],
      [
        'with inherited members, which do not count',
        Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } }),
      ],
      [
        'with members that are not enumerable',
        Object.defineProperty({ a: 1 }, 'hidden', { value: 2 }),
      ],
      ['with symbols as names', { a: 1, [Symbol('s')]: 2 }],
      ['that are frozen', Object.freeze({ b: Object.freeze([1]), a: 2 })],
      ['behind a proxy', new Proxy({ b: [1, { d: 1, c: 2 }], a: 2 }, {})],
      [
        'with getters',
        {
          get b() {
            return 1;
          },
          get a() {
            return [2];
          },
        },
      ],
      ['from JSON.parse with __proto__', JSON.parse('{"__proto__":{"x":1},"a":2}')],
      ['from another realm', structuredClone({ b: [1], a: { d: 1, c: 2 } })],
      ['with names like indexes', { b: 1, 10: 2, 9: 3, '-1': 4, '01': 5 }],
    ])('%s are their own enumerable members', (_, value) => {
      const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
      const expected = `{${sorted.map(([n, v]) => `${JSON.stringify(n)}:${canonicalize(v)}`)}}`;
      expect(canonicalize(value)).toBe(expected);
      expect(JSON.parse(canonicalize(value))).toEqual(JSON.parse(JSON.stringify(value)));
    });

    it('are written with as many members as there are, in order', () => {
      for (const count of [0, 1, 2, 23, 24, 25, 26, 300]) {
        const names = Array.from({ length: count }, (_, i) => `k${(i * 7919) % 1009}`);
        const value = Object.fromEntries(names.map((name) => [name, 1]));
        const expected = `{${[...names].sort().map((name) => `"${name}":1`)}}`;
        expect(canonicalize(value)).toBe(expected);
      }
    });

    it('are the primitive they box', () => {
      const boxed = { s: Object('te"xt'), n: Object(-0), b: Object(false), list: [Object('é')] };
      expect(canonicalize(boxed)).toBe('{"b":false,"list":["é"],"n":0,"s":"te\\"xt"}');
      expect(canonicalize(Object(1.5))).toBe('1.5');
      for (const identity of [
        { include: ['$.s.x', '$.list'] },
        { include: ['$..x', '$.b'] },
        { refs: ['$.s'] },
        { exclude: ['$.s.x', '$.s[0]'] },
      ]) {
        const plain = JSON.parse(JSON.stringify(boxed));
        expect(explain(boxed, identity).canonical).toBe(explain(plain, identity).canonical);
      }
    });

    it('that call themselves String are not taken for one', () => {
      for (const tag of ['String', 'Number', 'Boolean']) {
        class Tagged {
          a = 1;
          get [Symbol.toStringTag]() {
            return tag;
          }
        }
        expect(canonicalize([new Tagged()])).toBe('[{"a":1}]');
      }
    });

    it('whose getters throw let it pass through', () => {
      const failure = new RangeError('from a getter');
      const value = {
        list: [
          {
            get a() {
              throw failure;
            },
          },
        ],
      };
      expect(thrownBy(() => canonicalize(value))).toBe(failure);
      expect(thrownBy(() => keyOf(value, { exclude: ['$.x'] }))).toBe(failure);
      expect(canonicalize([1])).toBe('[1]');
    });

    it('behind a proxy that throws let it pass through', () => {
      const { proxy, revoke } = Proxy.revocable({ a: 1 }, {});
      expect(canonicalize([proxy])).toBe('[{"a":1}]');
      revoke();
      expect(() => canonicalize([proxy])).toThrow(TypeError);
      expect(canonicalize([1])).toBe('[1]');
    });
  });

  describe('arrays', () => {
    it('may be of a subclass, behind a proxy, or carry other members, which do not count', () => {
      class List extends Array<number> {}
      expect(canonicalize(List.from([3, 1, 2]))).toBe('[3,1,2]');
      expect(canonicalize(List.from({ length: 2000 }, (_, i) => i))).toBe(
        JSON.stringify(Array.from({ length: 2000 }, (_, i) => i)),
      );
      expect(canonicalize(new Proxy([1, [2]], {}))).toBe('[1,[2]]');
      expect(canonicalize(Object.assign([1], { extra: 2 }))).toBe('[1]');
    });

    it('keep their order', () => {
      expect(canonicalize([3, 1, 2, 'b', 'a'])).toBe('[3,1,2,"b","a"]');
      expect(keyOf([1, 2])).not.toBe(keyOf([2, 1]));
    });
  });
});
