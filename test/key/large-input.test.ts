import { createHash } from 'node:crypto';
import { freemem } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { canonicalize, explain, keyOf, sha256, sha256Hex, useEngine } from '../../src/index.js';
import { deep, isDeep } from '../depth.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { expectError, thrownBy } from '../errors/thrown.js';
import { hexOf, loadVectors, type Named } from '../vectors/vectors.js';

/** The longest string there is in V8: 512 MB, if all of it is ASCII. */
const LONGEST = 2 ** 29 - 24;

/** SHA-256 of `piece`, `count` times, between `before` and `after`. */
function keyOfRepeated(
  before: string,
  piece: string,
  separator: string,
  count: number,
  after: string,
) {
  const hash = createHash('sha256').update(before);
  // A megabyte at a time: the hashed content is large, the memory use is not.
  const perBlock = Math.max(1, Math.floor(2 ** 20 / piece.length));
  const whole = Math.floor((count - 1) / perBlock);
  const block = Buffer.from((piece + separator).repeat(perBlock));
  for (let i = 0; i < whole; i++) hash.update(block);
  hash.update((piece + separator).repeat(count - 1 - whole * perBlock));
  return `ik_${hash.update(piece).update(after).digest('hex')}`;
}

afterEach(() => vi.restoreAllMocks());

onEach(CANONICALIZERS, (engine) => {
  it(`makes the key of a text ${deep('an eighth ', '')}as long as text can be`, () => {
    // The engine in TypeScript is slow, and less content is enough for it.
    const length = engine === 'js' ? deep(LONGEST / 32, LONGEST / 8) : deep(LONGEST / 8, LONGEST);
    const text = 'a'.repeat(length);
    expect(sha256Hex(text)).toBe(keyOfRepeated('', 'a', '', length, ''));
    if (engine === 'wasm') return; // Its canonicalizer is the one that auto takes.
    expect(keyOf({ text })).toBe(keyOfRepeated('{"text":"', 'a', '', length, '"}'));
  });

  it('makes the key of a large document without ever holding it in one string or buffer', () => {
    const text = `"Grüezi" 東京 🧳\n${'plain '.repeat(20)}`.repeat(600);
    const piece = JSON.stringify(text);
    const count = Math.ceil(
      (engine === 'js' ? deep(20e6, 50e6) : deep(40e6, 200e6)) / Buffer.byteLength(piece),
    );
    const numbers = Array.from({ length: 50_000 }, (_, i) => i / 7);
    const value = { list: new Array(count).fill(text), numbers };
    const after = `],"numbers":${JSON.stringify(numbers)}}`;
    const expected = keyOfRepeated('{"list":[', piece, ',', count, after);

    // The real functions, watched: how long is the longest text or buffer that they make?
    let longest = 0;
    const note = (length: number | undefined) => {
      longest = Math.max(longest, length ?? 0);
    };
    const { stringify } = JSON;
    vi.spyOn(JSON, 'stringify').mockImplementation((...args: Parameters<typeof stringify>) => {
      const result = stringify(...args);
      note(result?.length);
      return result;
    });
    const { encode } = TextEncoder.prototype;
    vi.spyOn(TextEncoder.prototype, 'encode').mockImplementation(function (
      this: TextEncoder,
      input,
    ) {
      const result = encode.call(this, input);
      note(result.length);
      return result;
    });
    const { decode } = TextDecoder.prototype;
    vi.spyOn(TextDecoder.prototype, 'decode').mockImplementation(function (
      this: TextDecoder,
      ...args
    ) {
      const result = decode.apply(this, args);
      note(result.length);
      return result;
    });
    expect(keyOf(value)).toBe(expected);
    vi.restoreAllMocks();
    expect(longest).toBeLessThan(2 ** 18);
  });
});

it('says so when a canonical text would be longer than text can be', () => {
  const value = ['a'.repeat(LONGEST)];
  for (const act of [canonicalize, explain]) {
    const error = thrownBy(() => act(value));
    expectError(error, RangeError, { code: 'SAMEKEY_TOO_LONG' });
  }
  expect(canonicalize([1])).toBe('[1]');
});

interface Long extends Named {
  readonly content: { readonly repeat: { readonly hex: string; readonly count: number } };
  readonly digest: string;
}
const { content, digest } = loadVectors<Long>('sha256-long.json').find(
  ({ name }) => name === '2^31 + 1 zero bytes',
) as Long;

it.runIf(isDeep)('digests more than 2 GiB at once', () => {
  // Memory that was never written to is not really there: these are zeros, as the vector wants.
  const zeros = new Uint8Array(content.repeat.count);
  expect(hexOf(sha256(zeros))).toBe(digest);
  if (!process.env.CI || freemem() < 2 ** 32) {
    console.warn('WebAssembly digests 2 GiB in CI only: not run');
    return;
  }
  useEngine('wasm');
  try {
    expect(hexOf(sha256(zeros))).toBe(digest);
  } finally {
    useEngine('auto');
  }
});
