import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from './random.js';

interface Kernels extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  readonly INPUT: WebAssembly.Global;
  readonly OUTPUT: WebAssembly.Global;
  readonly OUTPUT_BYTES: WebAssembly.Global;
  reprintNumber(ptr: number, end: number, out: number): number;
  printDouble(value: number, out: number): number;
}

/** What only the debug build exports. */
interface DebugKernels extends Kernels {
  readonly POWERS: WebAssembly.Global;
  isShortest(ptr: number, end: number): number;
}

const file = (name: string) => readFileSync(new URL(`../build/${name}.wasm`, import.meta.url));
const debug = instantiateSync<DebugKernels>(file('debug')).exports;
const release = new WebAssembly.Instance(new WebAssembly.Module(file('release')))
  .exports as unknown as Kernels;

/** What stands around a number in a document must not matter: other numbers least of all. */
const AROUND = ['7', '0', '.', ',', 'e', '-'].map((char) => char.repeat(32));

class Printer {
  readonly #kernels: Kernels;
  readonly #memory: Buffer;
  readonly #input: number;
  readonly #output: number;
  #turn = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#memory = Buffer.from(kernels.memory.buffer);
    // The larger area is for what is read, as texts may be long.
    this.#input = Number(kernels.OUTPUT.value);
    this.#output = Number(kernels.INPUT.value) + 64;
  }

  /** Puts a text into memory and returns where it is. */
  place(text: string): [ptr: number, end: number] {
    const around = AROUND[this.#turn++ % AROUND.length] as string;
    const ptr = this.#input + 32;
    this.#memory.write(around + text + around, this.#input, 'latin1');
    return [ptr, ptr + text.length];
  }

  /** `undefined` for what is infinite. */
  reprint(text: string): string | undefined {
    const end = this.#kernels.reprintNumber(...this.place(text), this.#output);
    return end === 0 ? undefined : this.#memory.toString('latin1', this.#output, end);
  }

  print(value: number): string {
    const end = this.#kernels.printDouble(value, this.#output);
    return this.#memory.toString('latin1', this.#output, end);
  }

  /** How far from the place of its output a call changes memory, to the left and to the right. */
  reach(call: (out: number) => void): [before: number, behind: number] {
    const area = this.#memory.subarray(this.#output - 64, this.#output + 128);
    const changed = new Set<number>();
    for (const rubbish of [0x5a, 0xa5]) {
      area.fill(rubbish);
      call(this.#output);
      for (const [i, byte] of area.entries()) if (byte !== rubbish) changed.add(i - 64);
    }
    return [Math.min(0, ...changed), Math.max(...changed)];
  }
}

const debugPrinter = new Printer(debug);
const printers = { release: new Printer(release), debug: debugPrinter };

/** ECMA-262 itself: Number::toString of the number that the text is. */
function expected(text: string): string | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? String(value === 0 ? 0 : value) : undefined;
}

function check(printer: Printer, text: string): void {
  const printed = printer.reprint(text);
  const wanted = expected(text);
  if (printed !== wanted) expect.unreachable(`${text.slice(0, 200)}: ${printed}, not ${wanted}`);
}

function checkDouble(printer: Printer, value: number): void {
  const printed = printer.print(value);
  if (printed !== String(value === 0 ? 0 : value)) expect.unreachable(`${value}: ${printed}`);
  for (const text of [String(value), value.toPrecision(17), value.toExponential(20)]) {
    check(printer, text);
  }
}

const view = new DataView(new ArrayBuffer(8));

function doubleOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** The doubles that are at most `steps` away from a positive one. */
function neighbours(value: number, steps: number): number[] {
  const bits = bitsOf(value);
  const found: number[] = [];
  for (let step = -steps; step <= steps; step++) {
    const near = bits + BigInt(step);
    if (near >= 0n && Number.isFinite(doubleOf(near))) found.push(doubleOf(near));
  }
  return found;
}

/** |value| as an integer times 2^exponent, exactly. */
function parts(bits: bigint): [mantissa: bigint, exponent: number] {
  const exponent = Number((bits >> 52n) & 2047n);
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0 ? [fraction, -1074] : [fraction | (1n << 52n), exponent - 1075];
}

/** The decimal expansion of an integer times 2^exponent, all of it. */
function expansion(integer: bigint, exponent: number): { digits: bigint; power: number } {
  return exponent >= 0
    ? { digits: integer << BigInt(exponent), power: 0 }
    : { digits: integer * 5n ** BigInt(-exponent), power: exponent };
}

/** digits × 10^power in the notations there are. */
function* notations(digits: bigint, power: number): Generator<string> {
  const text = String(digits);
  yield `${text}e${power}`;
  yield `${text[0]}.${text.slice(1)}0E+${power + text.length - 1}`.replace('+-', '-');
  if (power >= 0) yield text + '0'.repeat(power);
  else if (text.length > -power) yield `${text.slice(0, power)}.${text.slice(power)}`;
  else yield `0.${text.padStart(-power, '0')}`;
}

/** The middle between a double and the next one up, and what is a little below and above it. */
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

/** A new one in every run; it stands in the message when something fails. */
const seed = Math.floor(Math.random() * 2 ** 32);

function* randomBits(from: number, count: number): Generator<bigint> {
  const next = random(from);
  while (count > 0) {
    const bits = (BigInt(next() * 2 ** 32) << 32n) | BigInt(Math.floor(next() * 2 ** 32));
    if (!Number.isFinite(doubleOf(bits))) continue;
    count--;
    yield bits;
  }
}

describe('the powers of ten', () => {
  it('are right to the last of 128 bits, rounded up', () => {
    debug.printDouble(0.1, Number(debug.INPUT.value));
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

describe.each(Object.entries(printers))('numbers, %s build', (build, printer) => {
  const many = build === 'release' ? 1_000_000 : 30_000;

  it(`prints ${many} doubles of any bit pattern, from three ways of writing each (seed ${seed})`, () => {
    for (const bits of randomBits(seed, many)) checkDouble(printer, doubleOf(bits));
  });

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
      expect(printer.print(doubleOf(bits))).toBe(text);
      expect(printer.reprint(text)).toBe(text);
    }
  });

  it('prints zero however it is written, and knows the ends of what is finite', () => {
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
    expect(printer.print(-0)).toBe('0');
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

  it('takes numbers of half a million digits', () => {
    const length = 500_000;
    const zeros = '0'.repeat(length);
    expect(length).toBeLessThan(Number(release.OUTPUT_BYTES.value) - 100);
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

  it('agrees on any JSON number', () => {
    const number = fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,30})?([eE][-+]?\d{1,3})?$/);
    fc.assert(
      fc.property(number, (text) => printer.reprint(text) === expected(text)),
      { numRuns: build === 'release' ? 20_000 : 3_000 },
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
