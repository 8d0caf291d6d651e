import { expect, it } from 'vitest';
import { canonicalize, keyOf, sha256Hex } from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { referenceJson } from './reference-json.js';

/** The first sight is written without a shape, the second makes it, and the third uses it. */
const SIGHTS = 4;

function check(make: () => unknown, what: string): void {
  for (let sight = 0; sight < SIGHTS; sight++) {
    const expected = referenceJson(make());
    if (canonicalize(make()) !== expected) expect.unreachable(`${what}, sight ${sight}`);
    if (keyOf(make()) !== sha256Hex(expected)) expect.unreachable(`${what}, key, sight ${sight}`);
  }
}

/** Returns what a call gives, or the error that it throws. */
function outcome(call: () => string): string {
  try {
    return call();
  } catch (error) {
    const { name, code, message, path } = error as Record<string, unknown>;
    return JSON.stringify([name, code, message, path]);
  }
}

const LENGTHS = [0, 1, 19, 20, 21, 22, 47, 48, 49, 64, 65, 2047, 2048, 2049, 16384, 16385, 57345];
const CHARS = [
  'a',
  '"',
  '\\',
  '\n',
  '\u0001',
  '\u007f',
  '\u0080',
  'é',
  '\u07ff',
  '\u0800',
  '東',
  '\uffff',
  '🧳',
];

onEach(CANONICALIZERS, () => {
  it('writes strings of any length and width among others', () => {
    for (const char of CHARS) {
      for (const length of LENGTHS) {
        const text = 'x'.repeat(Math.max(0, length - 3)) + char + 'y'.repeat(Math.min(2, length));
        check(
          () => ({ z: text, a: char.repeat(Math.min(length, 3000)), list: [text, 1, char, text] }),
          `${JSON.stringify(char)}, ${length} units`,
        );
      }
    }
  });

  it('writes short decimals and integers as ECMAScript does', () => {
    const numbers = [
      0,
      -0,
      9,
      10,
      99,
      100,
      9999,
      10000,
      2 ** 31 - 1,
      2 ** 31,
      -(2 ** 31),
      -1,
      1e21,
    ];
    for (let i = 0; i < 3000; i++) numbers.push(i / 100, -i / 1000, i * 333.337, i / 7, i * 1e-7);
    numbers.push(999999.99, 999999.999, 1000000.5, 0.001, 0.0009, 0.1 + 0.2, 1.005, 4.35, 1e-7);
    for (const n of numbers) check(() => ({ n, m: [n] }), String(n));
  });

  it('tells objects with the same names apart from others', () => {
    const members = { b: 1, a: { d: [], c: {} }, __proto__x: 2, 10: 'ten', 9: 'nine' };
    check(() => members, 'once');
    check(() => ({ ...members, added: 1 }), 'with one member more');
    check(() => JSON.parse('{"__proto__":1,"constructor":{"a":1},"toString":2}'), 'odd names');
    check(() => Object.assign(Object.create(null), members), 'without a prototype');
    check(() => ({ b: undefined, a: 1, c: undefined }), 'members that are undefined');
    check(() => ({ a: undefined }), 'nothing but undefined');
    check(() => ({ b: 1, a: undefined, ['n'.repeat(65)]: 1 }), 'a long name');
    for (let i = 0; i < 400; i++) {
      check(() => ({ [`é${i}`]: i, 東: { [`x"${i}`]: 1 }, a: 1 }), `shape ${i}`);
    }
  });

  it('calls getters and toJSON in the same order at every sight', () => {
    const calls = (): string => {
      const log: string[] = [];
      const value: Record<string, unknown> = {};
      const read = (name: string, result: () => unknown) =>
        Object.defineProperty(value, name, {
          enumerable: true,
          configurable: true,
          get() {
            log.push(name);
            return result();
          },
        });
      read('z', () => 'last');
      read('b', () => ({
        toJSON(key: string) {
          log.push(`toJSON ${key}`);
          return { k: key };
        },
      }));
      // Changes a member that comes later and takes one away.
      read('a', () => {
        Object.defineProperty(value, 'm', { enumerable: true, value: 'changed' });
        Reflect.deleteProperty(value, 'y');
        return 1;
      });
      Object.assign(value, { m: 'original', y: 'removed' });
      return `${canonicalize(value)} ${log}`;
    };
    const first = calls();
    expect(first).toBe('{"a":1,"b":{"k":"b"},"m":"changed","z":"last"} a,b,toJSON b,z');
    for (let sight = 1; sight < SIGHTS; sight++) expect(calls()).toBe(first);
  });

  it('refuses the same with the same words at every sight', () => {
    const cycle: Record<string, unknown> = { name: 'cycle', at: [] };
    (cycle.at as unknown[]).push({ inner: cycle });
    const long = 'x'.repeat(30);
    const wrong: unknown[] = [1n, Number.NaN, Symbol('s'), () => 1, new Map(), cycle];
    wrong.push(`${long}\ud800`, '\udc00', `${'東'.repeat(3000)}\ud800`, `\udc00${long}`);
    // Two halves of a pair in neighbouring strings are no pair.
    wrong.push([`${long}\ud83e`, `\uddf3${long}`], { [`${long}\ud800`]: 1 });
    for (const each of wrong) {
      const make = () => canonicalize({ z: 1, list: [{ ok: long, bad: each }], a: long });
      const first = outcome(make);
      expect(first).toContain('SAMEKEY_');
      for (let sight = 0; sight < SIGHTS; sight++) {
        canonicalize({ z: 1, list: [{ ok: long, bad: 'fine' }], a: long });
        expect(outcome(make)).toBe(first);
      }
    }
  });
});
