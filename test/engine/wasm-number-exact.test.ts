import { describe, expect, it } from 'vitest';
import {
  bitsOf,
  checkDouble,
  debug,
  debugPrinter,
  doubleOf,
  expansion,
  type Printer,
  parts,
  printers,
  randomBits,
  release,
  seed,
} from './number-kernels.js';

/** digits × 10^power in the notations there are. */
function* notations(digits: bigint, power: number): Generator<string> {
  const text = String(digits);
  yield `${text}e${power}`;
  yield `${text[0]}.${text.slice(1)}0E+${power + text.length - 1}`.replace('+-', '-');
  if (power >= 0) yield text + '0'.repeat(power);
  else if (text.length > -power) yield `${text.slice(0, power)}.${text.slice(power)}`;
  else yield `0.${text.padStart(-power, '0')}`;
}

/** The middle between a double and the next larger one, and values slightly below and above it. */
function checkHalfway(printer: Printer, bits: bigint): void {
  const [mantissa, exponent] = parts(bits);
  const { digits, power } = expansion(2n * mantissa + 1n, exponent - 1);
  const lower = doubleOf(bits);
  const upper = doubleOf(bits + 1n);
  const even = mantissa % 2n === 0n ? lower : upper;
  const cases: [digits: bigint, power: number, value: number][] = [
    [digits, power, even],
    [digits * 10n - 1n, power - 1, lower],
    [digits * 10n + 1n, power - 1, upper],
    [digits * 10n ** 900n - 1n, power - 900, lower],
    [digits * 10n ** 900n + 1n, power - 900, upper],
  ];
  for (const [each, at, value] of cases) {
    const wanted = Number.isFinite(value) ? String(value) : undefined;
    for (const text of notations(each, at)) {
      const printed = printer.reprint(text);
      if (printed !== wanted) expect.unreachable(`${bits}, ${text}: ${printed}, not ${wanted}`);
    }
  }
}

/**
 * Counts up to 2^54 for which count × numerator / denominator comes nearest to an integer: multiples
 * of the last convergents' denominators.
 */
function* nearIntegers(numerator: bigint, denominator: bigint): Generator<bigint> {
  const most = 1n << 54n;
  const convergents: bigint[] = [];
  let [a, b] = [numerator, denominator];
  for (let [before, count] = [1n, 0n]; b > 0n; ) {
    const quotient = a / b;
    [a, b] = [b, a % b];
    [before, count] = [count, before + quotient * count];
    if (count > most) break;
    convergents.push(count);
  }
  for (const count of convergents.slice(-3)) {
    let multiple = (most / 2n / count + 1n) * count;
    for (let i = 0; i < 4 && multiple <= most; i++, multiple += count) yield multiple;
  }
}

/**
 * Doubles that, or the ends of whose intervals, are next to a short decimal without being one: half
 * units in the last place, counted, that are nearly a multiple of 10^k, of 10^(k + 1), or of a half.
 */
function* hardDoubles(): Generator<number> {
  for (let exponent = -1074; exponent <= 971; exponent++) {
    const k = (exponent * 1262611) >> 22;
    for (const [power, halves] of [
      [k, 1n],
      [k, 2n],
      [k + 1, 1n],
    ] as const) {
      const numerator =
        halves * 2n ** BigInt(Math.max(exponent - 1, 0)) * 10n ** BigInt(Math.max(-power, 0));
      const denominator =
        2n ** BigInt(Math.max(1 - exponent, 0)) * 10n ** BigInt(Math.max(power, 0));
      for (const count of nearIntegers(numerator, denominator)) {
        for (const mantissa of count % 2n === 0n ? [count / 2n] : [count / 2n, count / 2n + 1n]) {
          if (mantissa >> 52n !== 1n) continue;
          yield doubleOf((BigInt(exponent + 1075) << 52n) | (mantissa & ((1n << 52n) - 1n)));
        }
      }
    }
  }
}

describe('the powers of ten', () => {
  it('are right to the last of 128 bits, rounded up', () => {
    debugPrinter.print(0.1);
    const table = new DataView(debug.memory.buffer, Number(debug.POWERS.value));
    for (let k = -342; k <= 324; k++) {
      const at = (k + 342) * 16;
      const found = (table.getBigUint64(at, true) << 64n) | table.getBigUint64(at + 8, true);
      const [above, below] = k >= 0 ? [10n ** BigInt(k), 1n] : [1n, 10n ** BigInt(-k)];
      // ⌊log2(10^k)⌋, then 10^k × 2^(127 - that).
      const log = k >= 0 ? above.toString(2).length - 1 : -(below - 1n).toString(2).length;
      const [a, b] =
        log <= 127 ? [above << BigInt(127 - log), below] : [above, 1n << BigInt(log - 127)];
      const exact = (a + b - 1n) / b;
      expect(found.toString(16), `10^${k}`).toBe(exact.toString(16));
      expect(exact >> 127n).toBe(1n);
      // As the module finds it.
      expect((k * 217706) >> 16).toBe(log);
    }
  });
});

describe.each(['release', 'debug'] as const)('exact decisions, %s build', (build) => {
  const printer = printers[build];
  const many = build === 'release' ? 1_000_000 : 30_000;

  it(`decides halfway cases by their last digit (seed ${seed})`, () => {
    const bits = [
      0n,
      1n,
      2n,
      3n,
      bitsOf(2 ** -1022) - 1n,
      bitsOf(2 ** -1022),
      bitsOf(2 ** -1021) - 1n,
    ];
    bits.push(
      bitsOf(1),
      bitsOf(1) - 1n,
      bitsOf(2 ** 53),
      bitsOf(2 ** 53) - 1n,
      bitsOf(1e22),
      bitsOf(1e23),
    );
    bits.push(bitsOf(Number.MAX_VALUE), bitsOf(Number.MAX_VALUE) - 1n, 0x000fedcba9876543n);
    for (const each of randomBits(seed, many / 1000)) bits.push(each & 0x7fffffffffffffffn);
    for (const each of randomBits(seed, 30)) bits.push(each & 0xfffffffffffffn);
    for (const each of bits) checkHalfway(printer, each);
  });

  it('prints doubles whose shortest form is the hardest to tell', () => {
    let found = 0;
    for (const value of hardDoubles()) {
      checkDouble(printer, value);
      found++;
    }
    expect(found).toBeGreaterThan(40_000);
  });

  it('takes numbers of half a million digits', () => {
    const length = 500_000;
    const zeros = '0'.repeat(length);
    const room = release.memory.buffer.byteLength - Number(release.DOCUMENT.value);
    expect(length).toBeLessThan(room - 100);
    expect(printer.reprint(`1${zeros}e-${length}`)).toBe('1');
    expect(printer.reprint(`-0.${zeros}1e${length}`)).toBe('-0.1');
    expect(printer.reprint(`0.${zeros}12345678901234567890123e+${length + 1}`)).toBe(
      '1.2345678901234567',
    );
    expect(printer.reprint(`0.${'3'.repeat(length)}`)).toBe('0.3333333333333333');
    expect(printer.reprint('9'.repeat(length))).toBeUndefined();
    expect(printer.reprint(`${'9'.repeat(length)}e-${length}`)).toBe('1');
    expect(printer.reprint(`1e${zeros}2`)).toBe('100');
    expect(printer.reprint(`1e-${zeros}7`)).toBe('1e-7');
    // The middle between 2^53 and 2^53 + 2 is even's; a digit at the very end says otherwise.
    expect(printer.reprint(`9007199254740993.${zeros}`)).toBe('9007199254740992');
    expect(printer.reprint(`9007199254740993.${zeros}1`)).toBe('9007199254740994');
    expect(printer.reprint(`9007199254740993${zeros}1e-${length + 1}`)).toBe('9007199254740994');
    expect(printer.reprint(`9007199254740992.${'9'.repeat(length)}`)).toBe('9007199254740992');
  });
});
