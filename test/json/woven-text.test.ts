import { expect, it } from 'vitest';
import { canonicalBytes, canonicalize, keyOf, keysOf, sha256Hex } from '../../src/index.js';
import { deep } from '../depth.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { random } from '../runtime/random.js';
import { plainText } from './plain-walk.js';

/**
 * Texts of one value may be encoded together. These come in the lengths and characters at which that can
 * go wrong: at the border of two texts, where a buffer is full, and where an error was found before.
 */
const LETTERS = {
  ASCII: 'x',
  'escapes of two characters': '"',
  'escapes of six characters': '\u0001',
  'Latin-1': 'é',
  'two bytes': '\u07ff',
  CJK: '東',
  'surrogate pairs': '🧳',
};

function expectPlain(value: unknown): void {
  const text = plainText(value);
  expect(canonicalize(value) === text).toBe(true);
  expect(Buffer.from(canonicalBytes(value)).equals(Buffer.from(text))).toBe(true);
  expect(keyOf(value)).toBe(sha256Hex(text));
  expect(keysOf([1, value])).toEqual([sha256Hex('1'), sha256Hex(text)]);
}

const LENGTHS = [0, 1, 7, 8, 15, 16, 17, 20, 21, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 128, 129];

onEach(ENGINES, () => {
  it.each(Object.entries(LETTERS))('short and long texts of %s side by side', (_, letter) => {
    for (const length of LENGTHS) {
      for (const other of ['', 'x'.repeat(20), 'x'.repeat(200), '東'.repeat(30), '"'.repeat(50)]) {
        const text = letter.repeat(length);
        expectPlain({ b: text, a: other, c: [text, other, text], d: { [text]: other } });
      }
    }
  });

  it.each(Object.entries(LETTERS))('texts of %s around the size of a buffer', (_, letter) => {
    const { length: charLength } = letter;
    for (const size of deep([8192, 65_536], [4096, 8192, 65_536, 131_072])) {
      for (const more of [-1, 0, 1]) {
        const text = letter.repeat(size / charLength + more);
        expectPlain({ z: 'end', b: text, a: [1, 'between', 2] });
        expectPlain([`x${text}`, `${text}"`, text.slice(0, 100)]);
      }
    }
  });

  it('very many texts in one value', () => {
    const next = random(5);
    const letters = Object.values(LETTERS);
    const text = () => {
      const letter = letters[Math.floor(next() * letters.length)] as string;
      return `${letter.repeat(next() * 40)}${'x'.repeat(next() * 60)}`;
    };
    for (const count of deep([4096, 4097], [1000, 4095, 4096, 4097, 8200])) {
      expectPlain(Array.from({ length: count }, text));
      expectPlain(Array.from({ length: count >> 2 }, () => ({ role: text(), content: [text()] })));
    }
  });

  it('two halves of a surrogate pair in two texts are two lone surrogates', () => {
    const [high, low] = ['🧳'.charAt(0), '🧳'.charAt(1)];
    for (const length of [0, 10, 19, 20, 21, 48, 49, 100, 5000]) {
      const filler = 'x'.repeat(length);
      const faults: [unknown, string][] = [
        [{ a: filler + high, b: low + filler }, '/a'],
        [{ b: filler + high, a: low + filler }, '/a'],
        [[filler + high, low + filler], '/0'],
        [['東'.repeat(length), filler + high, low + filler], '/1'],
        [[`${filler}🧳`, '🧳', low + filler], '/2'],
        [{ a: ['ok'.repeat(length)], b: { c: filler, d: filler + high }, e: low }, '/b/d'],
      ];
      for (const [value, path] of faults) {
        const fault = { code: 'SAMEKEY_LONE_SURROGATE', path } as const;
        expectThrown(() => canonicalize(value), TypeError, fault);
        expectThrown(() => keyOf(value), TypeError, fault);
        expectThrown(() => keysOf([1, value]), TypeError, fault);
        // Nothing of the refused value stays.
        expectPlain({ a: filler, b: '🧳' });
      }
    }
  });

  it('the first fault is reported, in the order of the names', () => {
    const long = 'x'.repeat(100);
    const faults: [unknown, string, string][] = [
      [{ b: Number.NaN, a: `${long}\ud800` }, 'SAMEKEY_LONE_SURROGATE', '/a'],
      [{ b: `${long}\ud800`, a: Number.NaN }, 'SAMEKEY_NOT_FINITE', '/a'],
      [{ b: `${long}\ud800`, a: { c: undefined, d: 1n } }, 'SAMEKEY_NOT_JSON', '/a/d'],
      [{ b: [long, [`\udc00${long}`]], c: () => 1, a: long }, 'SAMEKEY_LONE_SURROGATE', '/b/1/0'],
      [{ [`${long}\ud800`]: Number.NaN }, 'SAMEKEY_LONE_SURROGATE', `/${long}\ud800`],
      [[`${long}\ud800`, `${long}\ud800`, Number.NaN], 'SAMEKEY_LONE_SURROGATE', '/0'],
    ];
    for (let i = 0; i < 4; i++) {
      for (const [value, code, path] of faults) {
        const Class = code === 'SAMEKEY_NOT_FINITE' ? RangeError : TypeError;
        expectThrown(() => canonicalize(value), Class, { code, path } as never);
        expectThrown(() => keyOf(value), Class, { code, path } as never);
        expectPlain([long, { b: long, a: 1 }]);
      }
    }
  });

  it('decimals print as ECMAScript prints them', () => {
    const next = random(11);
    const digits = [1, 2, 4, 5, 8, 10, 16, 100, 1000, 10_000, 1e5, 1e6, 3, 7];
    const numbers = Array.from({ length: deep(10_000, 100_000) }, () => {
      const size = 10 ** (next() * 12);
      const whole = Math.round(next() * size) * (next() < 0.3 ? -1 : 1);
      return whole / (digits[Math.floor(next() * digits.length)] as number);
    });
    numbers.push(1.005, 1.015, 0.07, 0.285, 1999999.999, 2e6, 2e6 + 0.01, 0.0009, 0.001, 4.35, -0);
    // One after the other, and not as a list of numbers, which is printed in another way.
    for (const x of numbers) {
      if (canonicalize({ x }) !== `{"x":${JSON.stringify(x)}}`) expect(canonicalize({ x })).toBe(x);
    }
    expectPlain(numbers.map((x) => [x, { x }]));
  });
});
