import { expect, it } from 'vitest';
import { canonicalize, sha256Hex } from '../../src/index.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { random } from '../runtime/random.js';

/** Doubles of any bit pattern, the subnormal and the enormous included. */
function randomDoubles(seed: number, count: number): number[] {
  const next = random(seed);
  const view = new DataView(new ArrayBuffer(8));
  const numbers: number[] = [];
  while (numbers.length < count) {
    view.setUint32(0, next() * 2 ** 32);
    view.setUint32(4, next() * 2 ** 32);
    const number = view.getFloat64(0);
    if (Number.isFinite(number)) numbers.push(number);
  }
  return numbers;
}

/** Numbers at which one notation gives way to another (ECMA-262, Number::toString). */
const TURNS = [1e21, 1e20, 1e-6, 1e-7, 123456789012345680000, 1.5e300, 0.1, 100, 1e23].flatMap(
  (turn) => [turn, -turn, turn * (1 + Number.EPSILON), turn * (1 - Number.EPSILON / 2)],
);

onEach(CANONICALIZERS, () => {
  it('prints 100 000 random doubles as ECMAScript does', () => {
    for (const number of randomDoubles(7, 100_000)) {
      if (canonicalize(number) !== String(number)) expect.unreachable(String(number));
    }
  });

  it('reads each number of a list once, and is not disturbed by what that does', () => {
    const numbers = Array.from({ length: 2000 }, (_, i) => i + 0.5);
    const expected = `[${numbers.join()}]`;
    let reads = 0;
    Object.defineProperty(numbers, 11, {
      enumerable: true,
      get() {
        sha256Hex('z'.repeat(40));
        return reads++ === 0 ? 11.5 : Number.NaN;
      },
    });
    expect(canonicalize(numbers)).toBe(expected);
    expect(sha256Hex('abc', { bits: 128 })).toBe('ik_ba7816bf8f01cfea414140de5dae2223');
  });

  it('prints small integers, and numbers where the notation turns', () => {
    for (let n = -1100; n <= 1100; n++) expect(canonicalize(n)).toBe(String(n === 0 ? 0 : n));
    for (const number of TURNS) {
      expect(canonicalize(number)).toBe(String(number));
      expect(canonicalize({ n: [number] })).toBe(`{"n":[${number}]}`);
    }
  });

  it('writes minus zero as zero, wherever it stands', () => {
    expect(canonicalize(-0)).toBe('0');
    expect(canonicalize([-0])).toBe('[0]');
    expect(canonicalize({ a: -0 })).toBe('{"a":0}');
    expect(canonicalize(new Array(20).fill(-0))).toBe(`[${'0,'.repeat(19)}0]`);
  });

  it.each([1, 7, 8, 9, 1023, 1024, 1025, 2048, 2049, 10_000])(
    'prints an array of %i doubles',
    (length) => {
      const numbers = randomDoubles(length, length);
      expect(canonicalize(numbers)).toBe(`[${numbers.map(String).join(',')}]`);
      expect(canonicalize({ v: numbers, w: 1 })).toBe(`{"v":[${numbers.map(String)}],"w":1}`);
    },
  );

  it('prints arrays of the longest numbers one after the other', () => {
    const long = -1.2345678901234568e-300;
    const rows = Array.from({ length: 12 }, (_, i) => new Array(1000 + i).fill(long));
    expect(canonicalize(rows)).toBe(JSON.stringify(rows));
  });

  it('takes an array that is not all numbers as it comes', () => {
    const numbers = randomDoubles(9, 30);
    for (let at = 0; at < numbers.length; at++) {
      for (const other of ['text', null, true, [1], { a: 1 }]) {
        const mixed = [...numbers.slice(0, at), other, ...numbers.slice(at)];
        expect(canonicalize(mixed)).toBe(JSON.stringify(mixed));
      }
    }
  });

  it('takes boxed numbers and dates among numbers as JSON.stringify does', () => {
    const mixed = [1, 2, 3, 4, 5, 6, 7, Object(8), new Date(0)];
    expect(canonicalize(mixed)).toBe(JSON.stringify(mixed));
  });
});
