import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { canonicalize, keyOf, keysOf, sha256Hex, useEngine } from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';
import { plainText } from './plain-walk.js';

/** Enough calls for a shape to be remembered. */
const TIMES = 4;

/**
 * Makes a value twice and compares the library with the plain walk, after values of the same shape that
 * do not change.
 */
function expectAsPlain(make: () => unknown, calm: unknown): void {
  for (let i = 0; i < TIMES; i++) {
    expect(canonicalize(calm)).toBe(plainText(calm));
    const text = plainText(make());
    expect(canonicalize(make())).toBe(text);
    expect(keyOf(make())).toBe(sha256Hex(text));
    expect(keysOf([calm, make(), calm])[1]).toBe(sha256Hex(text));
  }
}

const define = (object: object, name: string, value: unknown) =>
  Object.defineProperty(object, name, {
    value,
    enumerable: true,
    configurable: true,
    writable: true,
  });

type Members = Record<string, unknown>;

/** Getters of the member `m`, between `a` and `z`, and their effect on the object. */
const EFFECTS: [string, (object: Members) => void][] = [
  ['removes a member that comes later', (object) => delete object.z],
  ['removes a member that was written', (object) => delete object.a],
  ['adds a member that would come later', (object) => define(object, 'n', 1)],
  ['adds a member that would come first', (object) => define(object, 'A', 1)],
  ['replaces a later member', (object) => define(object, 'z', { z: [1] })],
  ['makes a later member undefined', (object) => define(object, 'z', undefined)],
  ['replaces an earlier member', (object) => define(object, 'a', 'new')],
  [
    'makes a later member a getter',
    (object) => Object.defineProperty(object, 'z', { get: () => 'got', enumerable: true }),
  ],
  [
    'makes a later member not enumerable',
    (object) => Object.defineProperty(object, 'z', { enumerable: false }),
  ],
  [
    'trades two members',
    (object) => {
      const { z } = object;
      define(object, 'z', object.a);
      define(object, 'a', z);
    },
  ],
  ['changes the prototype', (object) => Object.setPrototypeOf(object, { z: 'inherited' })],
  ['freezes the object', (object) => Object.freeze(object)],
  [
    'removes all and adds others',
    (object) => {
      for (const name of Object.keys(object)) delete object[name];
      for (let i = 0; i < 40; i++) define(object, `n${i}`, i);
    },
  ],
];

const calm = () => ({ z: 'last', m: 5, a: { first: 1 } });

/** The same shape, with an effect when `m` is read. `m` may stand anywhere in the order of insertion. */
function withEffect(effect: (object: Members) => void, order: readonly string[]): Members {
  const value: Members = {};
  for (const name of order) {
    if (name !== 'm') define(value, name, calm()[name as 'a']);
    else {
      Object.defineProperty(value, 'm', {
        enumerable: true,
        configurable: true,
        get() {
          effect(value);
          return 5;
        },
      });
    }
  }
  return value;
}

onEach(ENGINES, (engine) => {
  describe('a getter', () => {
    it.each(EFFECTS)('that %s', (_, effect) => {
      for (const order of ['zma', 'mza', 'azm']) {
        expectAsPlain(() => withEffect(effect, [...order]), calm());
        expectAsPlain(
          () => [calm(), withEffect(effect, [...order]), calm()],
          [calm(), calm(), calm()],
        );
      }
    });

    it('of a value below changes the object around it', () => {
      const make = () => {
        const outer: Members = { b: 1 };
        outer.a = {
          get x() {
            outer.b = { c: 2 };
            outer.c = 3;
            return 1;
          },
        };
        return outer;
      };
      expectAsPlain(make, { b: 1, a: { x: 1 } });
    });

    it('is called once, in the order of the names', () => {
      for (let i = 0; i < TIMES; i++) {
        const reads: string[] = [];
        const value = {};
        for (const name of ['z', 'a', 'm', '10', '9']) {
          Object.defineProperty(value, name, {
            enumerable: true,
            get() {
              reads.push(name);
              return 1;
            },
          });
        }
        keyOf({ z: 1, a: 1, m: 1, 10: 1, 9: 1 });
        keyOf(value);
        expect(reads).toEqual(['10', '9', 'a', 'm', 'z']);
      }
    });

    it('that makes keys of the same shape', () => {
      const make = (): object => ({
        z: 'x'.repeat(100),
        get m() {
          return keyOf([{ z: 'y'.repeat(100), m: keyOf(calm()), a: '"' }]);
        },
        a: 'x'.repeat(90),
      });
      expectAsPlain(() => [make()], [{ z: 'x'.repeat(100), m: 'y', a: 'z'.repeat(90) }]);
    });

    it('that switches engines', () => {
      for (const other of ENGINES) {
        const make = () => ({
          z: 'é'.repeat(60),
          get m() {
            useEngine(other);
            return [calm()];
          },
          a: 'x'.repeat(70),
        });
        const text = plainText(make());
        for (let i = 0; i < TIMES; i++) {
          useEngine(engine);
          expect(canonicalize(make())).toBe(text);
          useEngine(engine);
          expect(keyOf(make())).toBe(sha256Hex(text));
        }
      }
      useEngine(engine);
    });

    it('that throws leaves nothing behind', () => {
      const failure = new Error('from a getter');
      const make = () => ({
        z: 'z'.repeat(100),
        get m() {
          throw failure;
        },
        a: ['a'.repeat(100), 1.25],
      });
      const after = { z: 'é'.repeat(100), m: 1, a: ['b'.repeat(100), 2.25] };
      for (let i = 0; i < TIMES; i++) {
        expect(thrownBy(() => keyOf(make()))).toBe(failure);
        expect(canonicalize(after)).toBe(plainText(after));
        expect(thrownBy(() => keysOf([after, make()]))).toBe(failure);
        expect(keyOf(after)).toBe(sha256Hex(plainText(after)));
      }
    });
  });

  describe('toJSON', () => {
    it('that gives another shape each time', () => {
      const shapes = [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
        { a: 1 },
        { a: { b: 2 } },
        [1, 2],
        'text',
        1.5,
        null,
        { b: 2, a: 1, c: 3 },
      ];
      let call = 0;
      const value = { at: { toJSON: () => shapes[call++ % shapes.length] } };
      for (let i = 0; i < TIMES * shapes.length; i++) {
        expect(canonicalize(value)).toBe(`{"at":${plainText(shapes[i % shapes.length])}}`);
      }
    });

    it('that comes and goes', () => {
      const value: Members = { a: 1, b: 2 };
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize([value])).toBe('[{"a":1,"b":2}]');
        Object.defineProperty(value, 'toJSON', { value: () => 'own', configurable: true });
        expect(canonicalize([value])).toBe('["own"]');
        delete value.toJSON;
        Object.setPrototypeOf(value, { toJSON: () => 'inherited' });
        expect(canonicalize([value])).toBe('["inherited"]');
        Object.setPrototypeOf(value, Object.prototype);
      }
    });

    it('of an array that changes the array around it', () => {
      const make = () => {
        const list: unknown[] = [{ a: 1 }, 0, { a: 2 }];
        list[1] = {
          toJSON() {
            list[2] = { b: 3, a: 4 };
            return 'changed';
          },
        };
        return list;
      };
      expectAsPlain(make, [{ a: 1 }, { a: 1 }, { a: 1 }]);
    });
  });

  describe('a proxy', () => {
    it('is asked for each member once, in the order of the names, after their list', () => {
      for (let i = 0; i < TIMES; i++) {
        keyOf({ z: 1, a: [2], m: 'x' });
        const traps: string[] = [];
        const proxy = new Proxy(
          { z: 1, a: [2], m: 'x' },
          {
            get(target, name) {
              traps.push(`get ${String(name)}`);
              return Reflect.get(target, name);
            },
            ownKeys(target) {
              traps.push('ownKeys');
              return Reflect.ownKeys(target);
            },
          },
        );
        expect(canonicalize(proxy)).toBe('{"a":[2],"m":"x","z":1}');
        expect(traps).toEqual(['get toJSON', 'ownKeys', 'get a', 'get m', 'get z']);
      }
    });

    it('that gives other names at each call', () => {
      const all = ['c', 'a', 'b', 'd'];
      let call = 0;
      const proxy = new Proxy({} as Members, {
        ownKeys: () => all.slice(0, 1 + (call++ % all.length)),
        getOwnPropertyDescriptor: () => ({ value: 0, enumerable: true, configurable: true }),
        get: (_, name) => (name === 'toJSON' ? undefined : String(name)),
      });
      for (let i = 0; i < TIMES * all.length; i++) {
        const names = all.slice(0, 1 + (i % all.length)).sort();
        expect(canonicalize(proxy)).toBe(`{${names.map((name) => `"${name}":"${name}"`)}}`);
      }
    });

    it('that lists names it does not have', () => {
      const proxy = new Proxy(
        { a: 1, b: 2 },
        {
          getOwnPropertyDescriptor: (target, name) =>
            name === 'b' ? undefined : Reflect.getOwnPropertyDescriptor(target, name),
        },
      );
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize([{ a: 1, b: 2 }])).toBe('[{"a":1,"b":2}]');
        expect(canonicalize([proxy])).toBe('[{"a":1}]');
      }
    });

    it('that gives another value at each read', () => {
      let reads = 0;
      const value = {
        at: new Proxy({ a: 1 }, { get: (_, name) => (name === 'a' ? ++reads : undefined) }),
      };
      for (let i = 1; i <= TIMES; i++) {
        expect(canonicalize({ at: { a: 0 } })).toBe('{"at":{"a":0}}');
        expect(canonicalize(value)).toBe(`{"at":{"a":${i}}}`);
      }
    });

    it('of an array, also one that changes its length', () => {
      const list = [1, { a: 2 }, 'three'];
      const growing = new Proxy(list, {
        get(target, name) {
          if (name === '0') target.push('late');
          return Reflect.get(target, name);
        },
      });
      for (let i = 0; i < TIMES; i++) {
        const text = JSON.stringify(list);
        expect(canonicalize(list)).toBe(text);
        expect(canonicalize(new Proxy(list, {}))).toBe(text);
        expect(canonicalize(growing)).toBe(text);
      }
    });

    it('that throws or was revoked', () => {
      const failure = new Error('from a trap');
      const bad = new Proxy(
        { a: 1 },
        {
          ownKeys() {
            throw failure;
          },
        },
      );
      for (let i = 0; i < TIMES; i++) {
        const { proxy, revoke } = Proxy.revocable({ a: 1 }, {});
        expect(canonicalize({ at: proxy })).toBe('{"at":{"a":1}}');
        revoke();
        expect(() => canonicalize({ at: proxy })).toThrow(TypeError);
        expect(thrownBy(() => keyOf({ at: bad }))).toBe(failure);
        expect(canonicalize({ at: { a: 1 } })).toBe('{"at":{"a":1}}');
      }
    });
  });

  describe('values of another realm', () => {
    const make: (json: string) => object = runInNewContext(`(json) => JSON.parse(json)`);

    it('alternate with those of this one', () => {
      const json = '{"z":[1,2,{"b":"x","a":1.5}],"m":{"__proto__":1},"a":[]}';
      const expected = plainText(JSON.parse(json));
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize(JSON.parse(json))).toBe(expected);
        expect(canonicalize(make(json))).toBe(expected);
        expect(canonicalize([JSON.parse(json), make(json)])).toBe(`[${expected},${expected}]`);
      }
    });

    it('are refused if they are no plain objects', () => {
      const others = runInNewContext(
        '[new Map([["a", 1]]), Object.assign(new Map(), { a: 1 }), new Date(NaN), new Uint8Array(1)]',
      );
      for (const value of others) {
        for (let i = 0; i < TIMES; i++) {
          expect(canonicalize({ at: { a: 1 } })).toBe('{"at":{"a":1}}');
          expectThrown(() => keyOf({ at: value }), TypeError, {
            code: 'SAMEKEY_NOT_JSON',
            path: '/at',
          });
        }
      }
    });
  });

  describe('members of a prototype that all objects have', () => {
    /** Runs `act` while a built-in prototype has one member more. Nothing else runs in between. */
    function polluted<T>(
      prototype: object,
      name: string,
      how: PropertyDescriptor,
      act: () => T,
    ): T {
      Object.defineProperty(prototype, name, { configurable: true, enumerable: true, ...how });
      try {
        return act();
      } finally {
        delete (prototype as Members)[name];
      }
    }

    const whole = { a: 1, b: 'text', c: [{ a: 1 }, { b: 2 }] };
    const less = { a: 1, c: [{ b: 2 }, {}] };
    const LESS = '{"a":1,"c":[{"b":2},{}]}';

    it.each<[string, PropertyDescriptor]>([
      ['a value', { value: 'injected' }],
      ['a value that can be written', { value: 'injected', writable: true }],
      ['an accessor', { get: () => 'injected', set: () => {} }],
      ['a setter alone', { set: () => {} }],
    ])('do not count: %s', (_, how) => {
      const WHOLE = plainText(whole);
      for (const name of ['b', 'injected', 'get', 'value', 'names', 'keys', 'length']) {
        for (let i = 0; i < TIMES; i++) {
          expect(keyOf(whole)).toBe(sha256Hex(WHOLE));
          const texts = polluted(Object.prototype, name, how, () => [
            canonicalize(less),
            canonicalize(whole),
            canonicalize(JSON.parse(LESS)),
            keyOf(less),
            keysOf([whole, less])[1],
          ]);
          expect(texts).toEqual([LESS, WHOLE, LESS, sha256Hex(LESS), sha256Hex(LESS)]);
        }
        expect(canonicalize(less)).toBe(LESS);
      }
    });

    it('are called if they are toJSON, as JSON.stringify does', () => {
      const toJSON = { value: () => 'replaced' };
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize([whole])).toBe(plainText([whole]));
        const [ours, theirs] = polluted(Object.prototype, 'toJSON', toJSON, () => [
          [canonicalize(whole), canonicalize([1])],
          [JSON.stringify(whole), JSON.stringify([1])],
        ]);
        expect(ours).toEqual(theirs);
        const [list, listOfTheirs, object] = polluted(Array.prototype, 'toJSON', toJSON, () => [
          canonicalize({ c: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
          JSON.stringify({ c: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
          canonicalize({ a: 1 }),
        ]);
        expect([list, object]).toEqual([listOfTheirs, '{"a":1}']);
      }
    });

    it('fill the holes of an array, if their names are indexes', () => {
      const holes = [{ a: 1 }, { a: 2 }, { a: 3 }];
      delete holes[1];
      for (let i = 0; i < TIMES; i++) {
        expect(canonicalize([{ a: 1 }, { a: 2 }, { a: 3 }])).toBe('[{"a":1},{"a":2},{"a":3}]');
        const text = polluted(Array.prototype, '1', { value: 'filled' }, () => canonicalize(holes));
        expect(text).toBe('[{"a":1},"filled",{"a":3}]');
        expectThrown(() => canonicalize(holes), TypeError, {
          code: 'SAMEKEY_NOT_JSON',
          path: '/1',
        });
      }
    });
  });
});
