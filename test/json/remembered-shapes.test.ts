import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { canonicalize, explain, keyOf, keysOf, sha256Hex } from '../../src/index.js';
import { deep } from '../depth.js';
import { ENGINES, onEach, under } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { random } from '../runtime/random.js';
import { plainText } from './plain-walk.js';

/**
 * The walk may remember the names that it saw at a place. Each value here comes after others with nearly
 * the same names, often enough to be remembered, and before others.
 */
const TIMES = 4;

/** Checks every function on values that are made anew, in the given order, several times. */
function expectTexts(steps: readonly (readonly [value: () => unknown, text: string])[]): void {
  for (const [make, text] of steps) {
    for (let i = 0; i < TIMES; i++) {
      expect(canonicalize(make())).toBe(text);
      expect(keyOf(make())).toBe(sha256Hex(text));
      expect(keysOf([make(), make()])).toEqual([sha256Hex(text), sha256Hex(text)]);
      // The same as a part of another value.
      expect(canonicalize([{ outer: make() }])).toBe(`[{"outer":${text}}]`);
    }
  }
}

const usual = () => ({ b: 'text', a: 1 });
const USUAL = '{"a":1,"b":"text"}';

/** Other values of almost the same shape as the usual one, each with its text. */
const OTHERS: [string, () => unknown, string][] = [
  ['in another order', () => ({ a: 1, b: 'text' }), USUAL],
  ['with one member more', () => ({ b: 'text', a: 1, c: null }), '{"a":1,"b":"text","c":null}'],
  ['with one member more in front', () => ({ c: 0, b: 'text', a: 1 }), '{"a":1,"b":"text","c":0}'],
  ['with one member less', () => ({ b: 'text' }), '{"b":"text"}'],
  ['without members', () => ({}), '{}'],
  ['with another last name', () => ({ b: 'text', A: 1 }), '{"A":1,"b":"text"}'],
  ['with another first name', () => ({ B: 'text', a: 1 }), '{"B":"text","a":1}'],
  ['with a longer name', () => ({ b: 'text', aa: 1 }), '{"aa":1,"b":"text"}'],
  ['with a name of both', () => ({ 'b,a': 1 }), '{"b,a":1}'],
  ['with U+0000 in a name', () => ({ 'b\0a': 1 }), '{"b\\u0000a":1}'],
  ['with a name that needs an escape', () => ({ b: 'text', 'a"': 1 }), '{"a\\"":1,"b":"text"}'],
  ['with a member that is undefined', () => ({ b: undefined, a: 1 }), '{"a":1}'],
  ['with only undefined members', () => ({ b: undefined, a: undefined }), '{}'],
  ['of other types', () => ({ b: 1, a: 'text' }), '{"a":"text","b":1}'],
  ['of containers', () => ({ b: [], a: {} }), '{"a":{},"b":[]}'],
  ['of itself', () => ({ b: usual(), a: [usual()] }), `{"a":[${USUAL}],"b":${USUAL}}`],
  ['as an array', () => ['text', 1], '["text",1]'],
  ['as text', () => 'text', '"text"'],
  ['as a number', () => 1.25, '1.25'],
  ['as null', () => null, 'null'],
  ['as a date', () => new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ['boxed', () => Object('text'), '"text"'],
  ['without a prototype', () => Object.assign(Object.create(null), usual()), USUAL],
  ['frozen', () => Object.freeze(usual()), USUAL],
  ['sealed', () => Object.seal(usual()), USUAL],
  [
    'in a hash table of V8',
    () => {
      const value: Record<string, unknown> = { gone: 1, ...usual() };
      delete value.gone;
      return value;
    },
    USUAL,
  ],
  ['from JSON.parse', () => JSON.parse('{"b":"text","a":1}'), USUAL],
  ['from another realm', () => runInNewContext('({ b: "text", a: 1 })'), USUAL],
  ['of a class', () => Object.assign(new (class Open {})(), usual()), USUAL],
  [
    'of a class with methods',
    () =>
      Object.assign(
        new (class Methods {
          a = 1;
          size() {
            return this.a;
          }
        })(),
        usual(),
      ),
    USUAL,
  ],
  [
    'that inherits members',
    () => Object.assign(Object.create({ c: 1, b: 2 }), { a: 1 }),
    '{"a":1}',
  ],
  [
    'that inherits a member it lacks',
    () => Object.create({ b: 'text' }, { a: { value: 1, enumerable: true } }),
    '{"a":1}',
  ],
  ['with a symbol', () => ({ ...usual(), [Symbol('c')]: 1 }), USUAL],
  [
    'with a member that is not enumerable',
    () => Object.defineProperty(usual(), 'b', { enumerable: false }),
    '{"a":1}',
  ],
  [
    'with a getter',
    () => ({
      get b() {
        return 'text';
      },
      a: 1,
    }),
    USUAL,
  ],
  ['behind a proxy', () => new Proxy(usual(), {}), USUAL],
  [
    'with an own __proto__',
    () => JSON.parse('{"b":"text","__proto__":1}'),
    '{"__proto__":1,"b":"text"}',
  ],
  [
    'with an own __proto__ that is an object',
    () => JSON.parse('{"__proto__":{"a":1},"b":"text"}'),
    '{"__proto__":{"a":1},"b":"text"}',
  ],
  [
    'with an own toJSON that is no function',
    () => ({ toJSON: 1, b: 'text', a: 1 }),
    '{"a":1,"b":"text","toJSON":1}',
  ],
  ['with an own toJSON', () => ({ ...usual(), toJSON: () => [1] }), '[1]'],
  [
    'with the name of an own method',
    () => ({ hasOwnProperty: 1, a: 1 }),
    '{"a":1,"hasOwnProperty":1}',
  ],
];

/** Values that are refused although their names are the usual ones, and the place in them. */
const REFUSED: [string, () => unknown, string, string][] = [
  ['undefined in an array', () => [usual(), undefined], '/1', 'SAMEKEY_NOT_JSON'],
  ['a function', () => ({ b: () => 1, a: 1 }), '/b', 'SAMEKEY_NOT_JSON'],
  ['a BigInt', () => ({ b: 'text', a: 1n }), '/a', 'SAMEKEY_NOT_JSON'],
  ['NaN', () => ({ b: 'text', a: Number.NaN }), '/a', 'SAMEKEY_NOT_FINITE'],
  ['a lone surrogate', () => ({ b: 'text\ud800', a: 1 }), '/b', 'SAMEKEY_LONE_SURROGATE'],
  ['a name with one', () => ({ 'b\ud800': 'text', a: 1 }), '/b\ud800', 'SAMEKEY_LONE_SURROGATE'],
  ['a Map with members', () => Object.assign(new Map(), usual()), '', 'SAMEKEY_NOT_JSON'],
  [
    'a private field',
    () =>
      Object.assign(
        new (class Private {
          #c = 1;
          c() {
            return this.#c;
          }
        })(),
        usual(),
      ),
    '',
    'SAMEKEY_NOT_JSON',
  ],
  [
    'an accessor of a prototype',
    () => Object.assign(Object.create(Object.create(null, { c: { get: () => 1 } })), usual()),
    '',
    'SAMEKEY_NOT_JSON',
  ],
];

onEach(ENGINES, () => {
  describe('a value after others of almost its shape', () => {
    it.each(OTHERS)('%s', (_, make, text) => {
      expectTexts([
        [usual, USUAL],
        [make, text],
        [usual, USUAL],
        [make, text],
      ]);
    });

    it.each(OTHERS)('%s, also one after the other in an array', (_, make, text) => {
      for (let i = 0; i < TIMES; i++) {
        const value = [usual(), make(), usual(), usual(), make(), make(), usual()];
        const parts = [USUAL, text, USUAL, USUAL, text, text, USUAL];
        expect(canonicalize(value)).toBe(`[${parts}]`);
      }
    });

    it.each(REFUSED)('is refused with its place: %s', (_, make, path, code) => {
      const Class = code === 'SAMEKEY_NOT_FINITE' ? RangeError : TypeError;
      for (let i = 0; i < TIMES; i++) {
        expect(keyOf(usual())).toBe(sha256Hex(USUAL));
        for (const act of [canonicalize, keyOf, (value: unknown) => keysOf([usual(), value])]) {
          expectThrown(() => act(make()), Class, { code, path } as never);
          expectThrown(() => act([{ outer: make() }]), Class, {
            code,
            path: `/0/outer${path}`,
          } as never);
        }
        expect(canonicalize([{ outer: usual() }])).toBe(`[{"outer":${USUAL}}]`);
      }
    });

    it('each follows each', () => {
      const next = random(16);
      const all: [string, () => unknown, string][] = [['usual', usual, USUAL], ...OTHERS];
      for (let i = 0; i < deep(2000, 10_000); i++) {
        const [, make, text] = all[Math.floor(next() * all.length)] as (typeof all)[number];
        expect(canonicalize({ here: make() })).toBe(`{"here":${text}}`);
      }
    });
  });

  describe('one object that changes between calls', () => {
    it('by members that are added, replaced, removed and put in another place', () => {
      const value: Record<string, unknown> = { id: 7, role: 'user' };
      const whole = { list: [value, value] };
      const changes: (() => void)[] = [
        () => {},
        () => {
          value.content = 'x';
        },
        () => {
          value.id = { id: 7 };
        },
        () => {
          delete value.role;
        },
        () => {
          value.role = 'user';
        },
        () => {
          value['0'] = [];
        },
        () => {
          Object.defineProperty(value, 'role', { enumerable: false });
        },
        () => {
          Object.defineProperty(value, 'role', { get: () => 'got', enumerable: true });
        },
        () => {
          Object.setPrototypeOf(value, null);
        },
        () => {
          Object.freeze(value);
        },
      ];
      for (const change of changes) {
        change();
        const text = plainText(whole);
        for (let i = 0; i < TIMES; i++) {
          expect(canonicalize(whole)).toBe(text);
          expect(keyOf(whole)).toBe(sha256Hex(text));
        }
      }
    });
  });

  describe('names like indexes', () => {
    const names = [
      '2',
      '10',
      '1',
      '01',
      '-1',
      '1.5',
      '4294967294',
      '4294967295',
      '9007199254740993',
    ];

    it('are sorted as text, although V8 keeps them in another order', () => {
      const sorted = ['-1', '01', '1', '1.5', '10', '2', '4294967294', '4294967295'];
      const text = `{${[...sorted, '9007199254740993', 'b'].map((name) => `"${name}":0`)}}`;
      const next = random(9);
      for (let i = 0; i < 20; i++) {
        const shuffled = ['b', ...names].sort(() => next() - 0.5);
        expect(canonicalize(Object.fromEntries(shuffled.map((name) => [name, 0])))).toBe(text);
      }
    });

    it('may be huge', () => {
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize({ 4294967294: 1, 5: 2 })).toBe('{"4294967294":1,"5":2}');
        expect(canonicalize({ 5: 2, b: 1 })).toBe('{"5":2,"b":1}');
      }
    });
  });

  describe('arrays', () => {
    it('with holes come after dense ones of the same length', () => {
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize({ list: [1, 2, 3] })).toBe('{"list":[1,2,3]}');
        const holes = [1, 2, 3];
        delete holes[1];
        expectThrown(() => canonicalize({ list: holes }), TypeError, {
          code: 'SAMEKEY_NOT_JSON',
          path: '/list/1',
        });
        const long = Array.from({ length: 30 }, (_, k) => ({ k }));
        delete long[29];
        expectThrown(() => keyOf(long), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/29' });
      }
    });

    it('that were once huge, or have a huge index', () => {
      for (let i = 0; i < TIMES; i++) {
        const list: unknown[] = [usual()];
        list[2 ** 30] = 1;
        expectThrown(() => keyOf(list), TypeError, { code: 'SAMEKEY_NOT_JSON', path: '/1' });
        list.length = 1;
        expect(canonicalize(list)).toBe(`[${USUAL}]`);
      }
    });

    it('whose elements alternate', () => {
      const list = Array.from({ length: 200 }, (_, i) => (i % 2 ? { a: i, b: i } : { b: i, c: i }));
      const text = plainText(list);
      for (let i = 0; i < TIMES; i++) expect(canonicalize(list)).toBe(text);
    });
  });

  describe('a selection', () => {
    it('of the same place changes with the identity, not with the shape', () => {
      const value = {
        id: 1,
        role: 'user',
        items: [
          { id: 2, sku: 'a' },
          { id: 3, sku: 'b' },
        ],
      };
      const rules = [
        {},
        { exclude: ['$.id'] },
        { exclude: ['$..id'] },
        { include: ['$.items[1].sku', '$.role'] },
        { include: ['$..id'] },
        { refs: ['$.items'] },
      ];
      for (let i = 0; i < TIMES; i++) {
        for (const each of rules) {
          const text = plainText(value, each);
          expect(explain(value, each).canonical).toBe(text);
          expect(keyOf(value, each)).toBe(sha256Hex(text));
        }
      }
    });

    it('never reads an excluded member', () => {
      let reads = 0;
      const value = {
        get trace() {
          reads++;
          return 1;
        },
        a: { b: 1 },
      };
      for (let i = 0; i < TIMES; i++) {
        expect(keyOf({ trace: 1, a: { b: 1 } }, { exclude: ['$.trace'] })).toBe(
          sha256Hex('{"a":{"b":1}}'),
        );
        expect(keyOf(value, { exclude: ['$.trace'] })).toBe(sha256Hex('{"a":{"b":1}}'));
      }
      expect(reads).toBe(0);
    });
  });

  describe('many shapes', () => {
    it('at one place, and then the first again', () => {
      const first = () => ({ at: { z: 1, a: [usual()] } });
      const text = plainText(first());
      for (let i = 0; i < deep(3000, 10_000); i++) {
        if (i % 100 === 0) expect(canonicalize(first())).toBe(text);
        const value = { at: { [`name${i}`]: i, a: { [`inner${i % 700}`]: i } } };
        const expected = `{"at":{"a":{"inner${i % 700}":${i}},"name${i}":${i}}}`;
        expect(canonicalize(value)).toBe(expected);
      }
    });

    it('of objects with about as many members as a table has space for', () => {
      for (const count of [
        1, 7, 8, 9, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1025,
      ]) {
        const value = Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i * 7}`, i]));
        const text = plainText(value);
        for (let i = 0; i < TIMES; i++) expect(canonicalize(value)).toBe(text);
        const more = { ...value, one: 'more' };
        expect(canonicalize(more)).toBe(plainText(more));
      }
    });

    it('of long names', () => {
      for (const length of [7, 8, 9, 255, 256, 257, 4096, 70_000]) {
        const name = 'n'.repeat(length);
        for (let i = 0; i < TIMES; i++) {
          expect(canonicalize({ [`${name}b`]: 1, [name]: 2 })).toBe(`{"${name}":2,"${name}b":1}`);
          expect(canonicalize({ [`${name}b`]: 1, [`${name}a`]: 2 })).toBe(
            `{"${name}a":2,"${name}b":1}`,
          );
        }
      }
    });

    it('deep in a document', () => {
      const nest = (depth: number, inner: unknown): unknown =>
        depth === 0 ? inner : { down: nest(depth - 1, inner), [`k${depth % 3}`]: depth };
      for (let i = 0; i < TIMES; i++) {
        for (const depth of [31, 32, 33, 63, 64, 65, 500]) {
          const value = nest(depth, i % 2 ? usual() : [usual()]);
          expect(canonicalize(value)).toBe(plainText(value));
        }
      }
    });
  });
});

it('an object of a million members gives the same key on every engine, and another after a change', {
  // More than two minutes on two busy cores.
  timeout: 600_000,
}, () => {
  const next = random(3);
  const count = deep(20_000, 1_000_000);
  const name = (i: number) => `m${(i * 7919) % 1_000_003}`;
  const value: Record<string, unknown> = Object.fromEntries(
    Array.from({ length: count }, (_, i) => [name(i), next()]),
  );
  const keys = () => ENGINES.map((engine) => under(engine, () => keyOf(value)));
  for (let i = 0; i < 2; i++) {
    const key = sha256Hex(plainText(value));
    expect(keys()).toEqual(ENGINES.map(() => key));
    // The number of members stays.
    delete value[name(0)];
    value.added = { first: 1 };
  }
});
