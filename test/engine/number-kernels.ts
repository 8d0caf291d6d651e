/** The number kernels of both builds, and the answers of ECMAScript to compare with. */
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { expect } from 'vitest';
import { random } from '../runtime/random.js';

export interface Kernels extends Record<string, unknown> {
  readonly memory: WebAssembly.Memory;
  readonly GATHER: WebAssembly.Global;
  readonly DOCUMENT: WebAssembly.Global;
  reprintNumber(ptr: number, end: number, out: number): number;
  printDoubles(ptr: number, count: number, out: number): number;
}

/** Exports of the debug build only. */
export interface DebugKernels extends Kernels {
  readonly POWERS: WebAssembly.Global;
  isShortest(ptr: number, end: number): number;
}

const file = (name: string) => readFileSync(new URL(`../../build/${name}.wasm`, import.meta.url));
export const debug = instantiateSync<DebugKernels>(file('json-debug')).exports;
const modules = {
  release: new WebAssembly.Module(file('json')),
  debug: new WebAssembly.Module(file('json-debug')),
};
export const instantiate = (build: 'release' | 'debug') =>
  new WebAssembly.Instance(modules[build]).exports as unknown as Kernels;
export const release = instantiate('release');

/** Text around a number, which must not affect it. Other numbers are the riskiest. */
const AROUND = ['7', '0', '.', ',', 'e', '-'].map((char) => char.repeat(32));

export class Printer {
  readonly #kernels: Kernels;
  readonly #memory: Buffer;
  readonly #input: number;
  readonly #output: number;
  #turn = 0;

  constructor(kernels: Kernels) {
    this.#kernels = kernels;
    this.#memory = Buffer.from(kernels.memory.buffer);
    // Documents have the larger area: texts may be long.
    this.#input = (Number(kernels.DOCUMENT.value) + 15) & ~15;
    this.#output = Number(kernels.GATHER.value) + 64;
  }

  /** Writes a text to memory. Returns its position. */
  place(text: string): [ptr: number, end: number] {
    const around = AROUND[this.#turn++ % AROUND.length] as string;
    const ptr = this.#input + 32;
    this.#memory.write(around + text + around, this.#input, 'latin1');
    return [ptr, ptr + text.length];
  }

  /** Returns `undefined` for an infinite number. */
  reprint(text: string): string | undefined {
    const end = this.#kernels.reprintNumber(...this.place(text), this.#output);
    return end === 0 ? undefined : this.#memory.toString('latin1', this.#output, end);
  }

  /** Returns `undefined` if one of the numbers is not finite. */
  print(...values: number[]): string | undefined {
    for (const [i, value] of values.entries()) {
      this.#memory.writeDoubleLE(value, this.#input + 8 * i);
    }
    const end = this.#kernels.printDoubles(this.#input, values.length, this.#output);
    return end === 0 ? undefined : this.#memory.toString('latin1', this.#output, end);
  }

  /** How far before and behind its output a call changes memory. */
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

export const debugPrinter = new Printer(debug);
export const printers = { release: new Printer(release), debug: debugPrinter };

/** ECMA-262 itself: Number::toString of the number that the text is. */
export function expected(text: string): string | undefined {
  const value = Number(text);
  return Number.isFinite(value) ? String(value === 0 ? 0 : value) : undefined;
}

export function check(printer: Printer, text: string): void {
  const printed = printer.reprint(text);
  const wanted = expected(text);
  if (printed !== wanted) expect.unreachable(`${text.slice(0, 200)}: ${printed}, not ${wanted}`);
}

export function checkDouble(printer: Printer, value: number): void {
  const printed = printer.print(value);
  if (printed !== `${value},`) expect.unreachable(`${value}: ${printed}`);
  for (const text of [String(value), value.toPrecision(17), value.toExponential(20)]) {
    check(printer, text);
  }
}

const view = new DataView(new ArrayBuffer(8));

export function doubleOf(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

export function bitsOf(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** The doubles that are at most `steps` away from a positive one. */
export function neighbours(value: number, steps: number): number[] {
  const bits = bitsOf(value);
  const found: number[] = [];
  for (let step = -steps; step <= steps; step++) {
    const near = bits + BigInt(step);
    if (near >= 0n && Number.isFinite(doubleOf(near))) found.push(doubleOf(near));
  }
  return found;
}

/** |value| as an integer times 2^exponent, exactly. */
export function parts(bits: bigint): [mantissa: bigint, exponent: number] {
  const exponent = Number((bits >> 52n) & 2047n);
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0 ? [fraction, -1074] : [fraction | (1n << 52n), exponent - 1075];
}

/** The decimal expansion of an integer times 2^exponent, all of it. */
export function expansion(integer: bigint, exponent: number): { digits: bigint; power: number } {
  return exponent >= 0
    ? { digits: integer << BigInt(exponent), power: 0 }
    : { digits: integer * 5n ** BigInt(-exponent), power: exponent };
}

/** A new seed in every run. The message of a failure shows it. */
export const seed = Math.floor(Math.random() * 2 ** 32);

export function* randomBits(from: number, count: number): Generator<bigint> {
  const next = random(from);
  while (count > 0) {
    const bits = (BigInt(next() * 2 ** 32) << 32n) | BigInt(Math.floor(next() * 2 ** 32));
    if (!Number.isFinite(doubleOf(bits))) continue;
    count--;
    yield bits;
  }
}
