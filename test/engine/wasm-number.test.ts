import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deep } from '../depth.js';
import { random } from '../runtime/random.js';
import {
  bitsOf,
  check,
  checkDouble,
  debug,
  debugPrinter,
  doubleOf,
  expansion,
  expected,
  instantiate,
  neighbours,
  Printer,
  parts,
  printers,
  randomBits,
  release,
  seed,
} from './number-kernels.js';

describe.each(['release', 'debug'] as const)('numbers, %s build', (build) => {
  const printer = printers[build];
  const many = build === 'release' ? deep(100_000, 1_000_000) : 30_000;

  it.each([1, 2, 3, 4])(
    `prints ${many / 4} doubles of any bit pattern, from three ways of writing each (%i, seed ${seed})`,
    (part) => {
      for (const bits of randomBits(seed + part, many / 4)) checkDouble(printer, doubleOf(bits));
    },
  );

  it(`prints decimals as they come out of JSON.stringify and toFixed (seed ${seed})`, () => {
    const next = random(seed);
    for (let i = 0; i < many / 4; i++) {
      const value = (next() + next() / 2 ** 32 - 0.5) * 10 ** Math.floor(next() * 26 - 8);
      const text = String(value);
      const digit = Math.floor(next() * 10);
      check(printer, text);
      // Near misses: a form that is as long, and reads as this double or as its neighbour.
      check(printer, text.slice(0, -1) + digit);
      check(printer, text + digit);
      check(printer, value.toFixed(15 + (digit % 6)));
      check(printer, value.toPrecision(16));
    }
  });

  it(`prints subnormal doubles (seed ${seed})`, () => {
    for (let bits = 0n; bits < 1000n; bits++) checkDouble(printer, doubleOf(bits));
    for (const value of neighbours(2 ** -1022, 100)) checkDouble(printer, value);
    for (const bits of randomBits(seed, many / 20)) {
      checkDouble(printer, doubleOf(bits & 0x800fffffffffffffn));
      checkDouble(printer, doubleOf((bits & 0xfffffffffffffn) >> (bits >> 58n)));
    }
  });

  it('prints every power of two and its neighbours', () => {
    for (let exponent = -1074; exponent < 1024; exponent++) {
      for (const value of neighbours(2 ** exponent, 3)) {
        checkDouble(printer, value);
        checkDouble(printer, -value);
        check(printer, value.toPrecision(100));
      }
    }
  });

  it('prints every power of ten and its neighbours', () => {
    for (let exponent = -345; exponent < 312; exponent++) {
      const texts = ['1', '1.0', '10', '0.01', '9.9999999999999999', '1.0000000000000001', '-1'];
      for (const text of texts) check(printer, `${text}e${exponent}`);
      const value = Number(`1e${exponent}`);
      if (Number.isFinite(value))
        for (const near of neighbours(value, 3)) checkDouble(printer, near);
    }
  });

  it('prints integers around 2^53 and others', () => {
    for (let offset = -2000n; offset <= 2000n; offset++) {
      for (const base of [
        2n ** 53n,
        2n ** 54n,
        10n ** 15n,
        10n ** 17n,
        10n ** 21n,
        2n ** 64n,
        2n ** 63n,
      ]) {
        check(printer, String(base + offset));
        check(printer, `-${base + offset}`);
        check(printer, `${base + offset}.0`);
        check(printer, `${base + offset}.5`);
      }
      check(printer, String(offset));
      check(printer, `${offset}.50`);
      checkDouble(printer, Number(offset));
    }
  });

  it('prints the samples of RFC 8785, appendix B', () => {
    const samples: [bits: bigint, text: string][] = [
      [0x0000000000000000n, '0'],
      [0x8000000000000000n, '0'],
      [0x0000000000000001n, '5e-324'],
      [0x8000000000000001n, '-5e-324'],
      [0x7fefffffffffffffn, '1.7976931348623157e+308'],
      [0xffefffffffffffffn, '-1.7976931348623157e+308'],
      [0x4340000000000000n, '9007199254740992'],
      [0xc340000000000000n, '-9007199254740992'],
      [0x4430000000000000n, '295147905179352830000'],
      [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
      [0x44b52d02c7e14af6n, '1e+23'],
      [0x44b52d02c7e14af7n, '1.0000000000000001e+23'],
      [0x444b1ae4d6e2ef4en, '999999999999999700000'],
      [0x444b1ae4d6e2ef4fn, '999999999999999900000'],
      [0x444b1ae4d6e2ef50n, '1e+21'],
      [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
      [0x3eb0c6f7a0b5ed8dn, '0.000001'],
      [0x41b3de4355555553n, '333333333.3333332'],
      [0x41b3de4355555554n, '333333333.33333325'],
      [0x41b3de4355555555n, '333333333.3333333'],
      [0x41b3de4355555556n, '333333333.3333334'],
      [0x41b3de4355555557n, '333333333.33333343'],
      [0xbecbf647612f3696n, '-0.0000033333333333333333'],
      [0x43143ff3c1cb0959n, '1424953923781206.2'],
    ];
    for (const [bits, text] of samples) {
      expect(printer.print(doubleOf(bits))).toBe(`${text},`);
      expect(printer.reprint(text)).toBe(text);
    }
  });

  it('prints every spelling of zero, and handles the largest finite numbers', () => {
    const zeros = [
      '0',
      '-0',
      '0.0',
      '-0.000',
      '0e5',
      '-0E-5',
      '0.0e+99999999999999999999',
      '1e-400',
    ];
    zeros.push(
      '-1e-400',
      '2.4703282292062327e-324',
      '9e-99999999999999999999',
      `0.${'0'.repeat(400)}1`,
    );
    for (const text of zeros) expect(printer.reprint(text), text).toBe('0');
    expect(printer.print(-0, 0)).toBe('0,0,');
    expect(printer.reprint('2.4703282292062328e-324')).toBe('5e-324');
    expect(printer.reprint('1.7976931348623158e308')).toBe('1.7976931348623157e+308');
    const infinite = [
      '1e309',
      '-1e400',
      '1.797693134862316e308',
      '1e99999999999999999999',
      '9'.repeat(310),
    ];
    for (const text of infinite) expect(printer.reprint(text), text).toBeUndefined();
  });

  it('prints doubles one after the other, and none that is not finite', () => {
    const values = [-1.2345678901234568e-300, 7, -0.1, 1e21, 0, -123456789012345, 1e15, 2 ** 53];
    expect(printer.print()).toBe('');
    expect(printer.print(...values)).toBe(`${values},`);
    for (const value of [Number.NaN, -Number.NaN, 1 / 0, -1 / 0]) {
      expect(printer.print(value)).toBeUndefined();
      expect(printer.print(1, value, 2)).toBeUndefined();
    }
  });

  it('needs no earlier call', () => {
    const texts = [
      '1e20',
      '7.0',
      '0.12345678901234567',
      '9007199254740993',
      '1e-400',
      '2e308',
      '5e-324',
    ];
    for (const text of texts) check(new Printer(instantiate(build)), text);
    for (const value of [1, 100, 0, 0.1, 5e-324, 1e20, 1e300]) {
      expect(new Printer(instantiate(build)).print(value)).toBe(`${value},`);
    }
  });

  it('agrees on any JSON number', () => {
    const number = fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][-+]?\d{1,3})?$/);
    fc.assert(
      fc.property(number, (text) => printer.reprint(text) === expected(text)),
      { numRuns: build === 'release' ? deep(5000, 20_000) : 3000 },
    );
  });

  it('stays within 48 bytes of its output', () => {
    const kernels = build === 'release' ? release : debug;
    const texts = [
      '-0',
      '7',
      '-1.7976931348623157E308',
      '123456789012345678901',
      '-0.0000012345678901234567',
    ];
    texts.push(
      '-123456789012345670000',
      '-1.2345678901234567E-308',
      '123456789012345.67',
      '-1.5',
      '1e20',
    );
    for (const text of texts) {
      const span = printer.place(text);
      const [before, behind] = printer.reach((out) => kernels.reprintNumber(...span, out));
      expect(before, text).toBe(0);
      expect(behind, text).toBeLessThan(48);
      expect(behind, text).toBeGreaterThanOrEqual((expected(text) as string).length - 1);
    }
  });
});

/** digits / 10^places with a point. */
function plain(digits: bigint, places: number): string {
  if (places <= 0) return `${digits}${'0'.repeat(-places)}.0`;
  const text = String(digits).padStart(places + 1, '0');
  return `${text.slice(0, -places)}.${text.slice(-places)}`;
}

describe('isShortest', () => {
  const isShortest = (text: string) => debug.isShortest(...debugPrinter.place(text)) !== 0;

  it(`is true only for what would be printed like that (seed ${seed})`, () => {
    const next = random(seed);
    let found = 0;
    for (let i = 0; i < 100_000; i++) {
      const value = (next() + next() / 2 ** 32 - 0.5) * 10 ** Math.floor(next() * 26 - 8);
      const digit = Math.floor(next() * 10);
      for (const text of [
        String(value),
        String(value).slice(0, -1) + digit,
        String(value) + digit,
      ]) {
        if (isShortest(text)) {
          found++;
          if (expected(text) !== text) expect.unreachable(text);
        }
      }
    }
    expect(found).toBeGreaterThan(50_000);
  });

  it(`is not deceived by decimals about a power of two or half-way to the next double (seed ${seed})`, () => {
    const next = random(seed);
    let found = 0;
    for (let i = 0; i < 3000; i++) {
      const power = 2 ** ((i % 70) - 20);
      const value = i % 2 === 0 ? power : power * (1 + next());
      for (const half of [0n, 1n, -1n]) {
        const [mantissa, exponent] = parts(bitsOf(value));
        const { digits, power: scale } = expansion(2n * mantissa + half, exponent - 1);
        const text = String(digits);
        for (const length of [15, 16, 17]) {
          const at = BigInt(text.slice(0, length));
          for (let off = -12n; off <= 12n; off++) {
            const near = plain(at + off, length - text.length - scale);
            if (!isShortest(near)) continue;
            found++;
            if (expected(near) !== near) expect.unreachable(near);
          }
        }
      }
    }
    expect(found).toBeGreaterThan(1000);
  });

  it(`is not deceived by long exponents (seed ${seed})`, () => {
    const next = random(seed);
    for (let i = 0; i < 20_000; i++) {
      const digits = String(next()).slice(2).padEnd(16, '3').slice(0, 16);
      for (const before of [
        '0.0e',
        '0.0E',
        '0.00e+',
        '0.0000e',
        '0.1e-',
        '0.0000E-',
        '1e',
        '1.5e',
      ]) {
        if (isShortest(before + digits)) expect.unreachable(before + digits);
        if (isShortest(before + digits.slice(1))) expect.unreachable(before + digits.slice(1));
      }
    }
  });

  it('is true for most of what JSON.stringify prints with a point', () => {
    const next = random(1);
    let found = 0;
    for (let i = 0; i < 10_000; i++) {
      if (isShortest(String((next() + next() / 2 ** 32 - 0.5) / 4))) found++;
    }
    expect(found).toBeGreaterThan(9_500);
  });

  it.each([
    '1',
    '-0',
    '0.0',
    '-0.0',
    '1.0',
    '1.50',
    '12345678901234567',
    '1e5',
    '1.5e5',
    '1.5E-5',
    '1.5e+5',
    '0.0000001',
    '0.0000001234567890123456',
    '123.45600000000000',
    '0.10000000000000001',
    '1.00000000000000001',
    '0.30000000000000005',
    '123456789012345678.5',
    '1.2e-00000000000000000003',
    '0.0e1000000000000003',
    '0.00e+1000000000000003',
    '0.000e-1234567890123457',
    '1234567890123456.7',
  ])('is not sure of %s', (text) => {
    expect(isShortest(text)).toBe(false);
  });

  it.each([
    '0.5',
    '-0.5',
    '1.5',
    '0.1',
    '0.000001',
    '-0.0000012345678901234',
    '0.0000033333333333333333',
    '3.141592653589793',
    '0.30000000000000004',
    '123456789012345.67',
    '123456789.12345678',
  ])('is sure of %s', (text) => {
    expect(isShortest(text)).toBe(true);
    expect(expected(text)).toBe(text);
  });
});
