import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hexOf } from '../vectors/vectors.js';

const { Module } = WebAssembly;
let compiledCount = 0;

beforeEach(() => {
  compiledCount = 0;
  WebAssembly.Module = class extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      compiledCount++;
    }
  };
});

afterEach(() => {
  WebAssembly.Module = Module;
});

/** Returns the library as a new process imports it. */
async function fresh() {
  vi.resetModules();
  return import('../../src/index.js');
}
type Library = Awaited<ReturnType<typeof fresh>>;

const REQUEST = {
  model: 'm',
  messages: [{ role: 'user', content: '"Grüezi" 東京 🧳\n' }],
  top_p: 0.1,
};
const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

/** Each is the first call of a process. */
const FIRST: [string, (s: Library) => unknown][] = [
  ['a key of a value', (s) => s.keyOf(REQUEST)],
  ['a key with an identity', (s) => s.keyOf(REQUEST, { exclude: ['model'], scope: 'a' })],
  ['canonical JSON', (s) => s.canonicalize(REQUEST)],
  ['a key of raw JSON', (s) => s.keyOfJson('{"b":[1.50],"a":"\\u00e9"}')],
  ['a key of text', (s) => s.sha256Hex('é"')],
  ['a key of bytes', (s) => s.sha256Hex(Uint8Array.of(1, 2, 3))],
  ['a key with a scope', (s) => s.scoped(['a', 'b'], 'c')],
  ['SHA-256', (s) => hexOf(s.sha256('abc'))],
  ['SHA-1', (s) => hexOf(s.sha1('abc'))],
  ['a UUID', (s) => s.uuidv5(NAMESPACE, 'www.example.com')],
];

/** These load the module at once. */
const LOADING: [string, (s: Library) => unknown][] = [
  ['a long text', (s) => s.sha256Hex('x'.repeat(1000))],
  ['a key of a long value', (s) => s.keyOf({ text: 'x'.repeat(1000) })],
  ['a secret', (s) => s.keyOf(REQUEST, { secret: 'k' })],
  ['a batch', (s) => s.keysOf([REQUEST, 1])],
  ['a hasher', (s) => hexOf(s.createSha256().update('abc').save())],
  ['long raw JSON', (s) => s.keyOfJson(`["${'x'.repeat(1000)}"]`)],
  ['a question about the engines', (s) => JSON.stringify(s.activeEngine())],
];

describe.each(FIRST)('the first call: %s', (_, act) => {
  it('compiles no WebAssembly, and gives what later calls give', async () => {
    const samekey = await fresh();
    const early = act(samekey);
    expect(compiledCount).toBe(0);
    expect(samekey.activeEngine()).toMatchObject({ small: 'wasm', canonicalizer: 'wasm' });
    expect(compiledCount).toBe(1);
    expect(act(samekey)).toEqual(early);
    samekey.useEngine('wasm');
    expect(act(samekey)).toEqual(early);
  });

  it('compiles the module when it is repeated', async () => {
    const samekey = await fresh();
    const results = Array.from({ length: 10 }, () => act(samekey));
    expect(compiledCount).toBeGreaterThan(0);
    expect(new Set(results).size).toBe(1);
  });
});

describe.each(LOADING)('the first call: %s', (_, act) => {
  it('compiles the module, and gives what later calls give', async () => {
    const samekey = await fresh();
    const early = act(samekey);
    expect(compiledCount).toBeGreaterThan(0);
    const compiledBefore = compiledCount;
    expect(act(samekey)).toEqual(early);
    expect(compiledCount).toBe(compiledBefore);
  });
});

describe('an engine that is chosen', () => {
  it('is loaded at once, auto too', async () => {
    const samekey = await fresh();
    samekey.useEngine('auto');
    expect(compiledCount).toBe(1);
  });

  it('stays chosen by a value that is read while the first keys are made', async () => {
    const samekey = await fresh();
    const choosing = {
      toJSON() {
        samekey.useEngine('js');
        return 'x'.repeat(1000);
      },
    };
    const keys = samekey.keysOf([choosing, REQUEST], { secret: 'k' });
    expect(samekey.activeEngine().choice).toBe('js');
    const again = ['x'.repeat(1000), REQUEST].map((value) => samekey.keyOf(value, { secret: 'k' }));
    expect(keys).toEqual(again);
  });
});
