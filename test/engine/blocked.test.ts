import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { customId, keyOf, randomKey, scoped, sha1, sha256Hex, uuidv5 } from '../../src/index.js';
import { hexOf } from '../vectors/vectors.js';

const BUILT = new URL('../../dist/index.js', import.meta.url);

const REQUEST = {
  text: `"Grüezi" 東京 🧳 ${'\n'.repeat(100)}`,
  numbers: [1.5, -0, 1e21, 5e-324, 1, 2, 3, 4, 5],
  long: 'é'.repeat(50_000),
};
const NAMESPACE = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

/** The output that every platform must give, taken from unmodified engines. */
const EXPECTED = [
  sha256Hex('abc'),
  sha256Hex(REQUEST.long, { secret: 'k' }),
  keyOf(REQUEST),
  keyOf(REQUEST, { exclude: ['text'], refs: ['long'], scope: 's' }),
  customId(REQUEST),
  scoped(['a', 'b'], REQUEST.long),
  uuidv5(NAMESPACE, REQUEST.long),
  uuidv5(NAMESPACE, 'www.example.com'),
  hexOf(sha1(REQUEST.long)),
];

/** Runs `before`, then makes the same keys with the built library, in a separate process. */
function run(before: string, flags: string[] = []) {
  if (!existsSync(BUILT)) throw new Error('dist/index.js is missing: run "npm run build" first');
  const source = `
    ${before}
    const s = await import(${JSON.stringify(BUILT.href)});
    const REQUEST = ${JSON.stringify(REQUEST)};
    REQUEST.numbers[1] = -0;
    const NAMESPACE = '${NAMESPACE}';
    const hexOf = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
    const keys = [
      s.sha256Hex('abc'),
      s.sha256Hex(REQUEST.long, { secret: 'k' }),
      s.keyOf(REQUEST),
      s.keyOf(REQUEST, { exclude: ['text'], refs: ['long'], scope: 's' }),
      s.customId(REQUEST),
      s.scoped(['a', 'b'], REQUEST.long),
      s.uuidv5(NAMESPACE, REQUEST.long),
      s.uuidv5(NAMESPACE, 'www.example.com'),
      hexOf(s.sha1(REQUEST.long)),
    ];
    const stream = await s.keyOfStream(new Blob([REQUEST.long]));
    const hasher = s.createSha256().update('ab');
    let saved = 'no midstate';
    try { saved = hexOf(s.createSha256().restore(hasher.save()).update('c').digest()); } catch {}
    console.log(JSON.stringify({
      keys, stream, saved, randomKey: s.randomKey().length,
      active: s.activeEngine(),
      engines: s.listEngines().map(({ name }) => name),
    }));`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '--eval', source],
    { encoding: 'utf8', env: { ...process.env, SAMEKEY_ENGINE: '' } },
  );
  // The library prints nothing to stderr: using another engine is not an error.
  const said = stderr.replace(/^Warning: disabling flag --expose_wasm .*\n/, '');
  expect({ status, said }).toEqual({ status: 0, said: '' });
  return JSON.parse(stdout);
}

const NO_CRYPTO = `
  const { getBuiltinModule } = process;
  process.getBuiltinModule = (id) => /crypto/.test(id) ? undefined : getBuiltinModule(id);`;

/** Replaces WebAssembly's constructors, as a content security policy or an odd platform does. */
const forbid = (name: string, Class: string) => `
  WebAssembly.${name} = class { constructor() { throw new ${Class}('blocked by policy'); } };`;

/** An instance that runs, and whose answers are wrong. */
const CORRUPT = `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    constructor(...args) {
      const { exports } = new Instance(...args);
      const wrong = Object.fromEntries(Object.entries(exports).map(([name, value]) => [
        name,
        typeof value !== 'function' ? value : (...args) => {
          const result = value(...args);
          if (/sha256|digest/i.test(name)) new Uint8Array(exports.memory.buffer)[exports.DIGEST.value] ^= 1;
          return result;
        },
      ]));
      this.exports = wrong;
    }
  };`;

/** A module from which an export is missing. */
const INCOMPLETE = `
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class {
    constructor(...args) {
      const { sha256, ...rest } = new Instance(...args).exports;
      this.exports = rest;
    }
  };`;

const BLOCKED: [string, string, string[]?][] = [
  ['WebAssembly is not there', 'delete globalThis.WebAssembly;'],
  ['WebAssembly is switched off (--jitless)', '', ['--jitless']],
  ['a policy forbids compiling', forbid('Module', 'WebAssembly.CompileError')],
  ['a policy forbids instantiating', forbid('Instance', 'Error')],
  [
    'what is thrown is no error',
    'WebAssembly.Module = class { constructor() { throw undefined; } };',
  ],
  ['its answers are wrong', CORRUPT],
  ['an export is missing', INCOMPLETE],
];

describe.each(BLOCKED)('where %s', (_, before, flags) => {
  it('js takes its place next to the platform', () => {
    const { keys, stream, active, engines, saved, randomKey: length } = run(before, flags);
    expect(keys).toEqual(EXPECTED);
    expect(stream).toBe(sha256Hex(REQUEST.long));
    expect(engines).toEqual(['native', 'js']);
    expect(active).toMatchObject({ name: 'native', small: 'js', canonicalizer: 'js' });
    expect(`ik_${saved}`).toBe(sha256Hex('abc'));
    expect(length).toBe(randomKey().length);
  });

  it('js does everything when the platform has nothing either', () => {
    const { keys, stream, active, engines } = run(`${before}${NO_CRYPTO}`, flags);
    expect(keys).toEqual(EXPECTED);
    expect(stream).toBe(sha256Hex(REQUEST.long));
    expect(engines).toEqual(['js']);
    expect(active).toMatchObject({ name: 'js', small: 'js', canonicalizer: 'js' });
  });
});

describe.each([
  ['node:crypto is not there', NO_CRYPTO],
  ['there is no process.getBuiltinModule', 'delete process.getBuiltinModule;'],
  ['there is no process', 'globalThis.process = undefined;'],
  [
    'process.getBuiltinModule throws',
    "process.getBuiltinModule = () => { throw new Error('not here'); };",
  ],
  [
    'node:crypto is a stub',
    "process.getBuiltinModule = () => ({ createHash() { throw new Error('stub'); } });",
  ],
])('where %s', (_, before) => {
  it('WebAssembly does everything', () => {
    const { keys, stream, active, engines, saved } = run(before);
    expect(keys).toEqual(EXPECTED);
    expect(stream).toBe(sha256Hex(REQUEST.long));
    expect(engines).toEqual(['wasm', 'js']);
    expect(active).toMatchObject({ name: 'wasm', small: 'wasm', canonicalizer: 'wasm' });
    expect(`ik_${saved}`).toBe(sha256Hex('abc'));
  });
});

describe.each([
  ['Buffer decodes hexadecimal', ''],
  ['Uint8Array does', 'Uint8Array.fromHex = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));'],
  ['nothing does', 'globalThis.Buffer = undefined; Uint8Array.fromHex = undefined;'],
])('where %s', (_, before) => {
  it('both modules are decoded', () => {
    const { keys, active, engines } = run(before);
    expect(keys).toEqual(EXPECTED);
    expect(engines).toEqual(['native', 'wasm', 'js']);
    expect(active).toMatchObject({ small: 'wasm', canonicalizer: 'wasm' });
  });
});

describe('where node:crypto is older', () => {
  it('the platform does without the one-shot hash', () => {
    const { keys, engines } = run(`
      const { getBuiltinModule } = process;
      process.getBuiltinModule = (id) => {
        const { createHash } = getBuiltinModule(id);
        return { createHash };
      };`);
    expect(keys).toEqual(EXPECTED);
    expect(engines).toEqual(['native', 'wasm', 'js']);
  });
});

describe('where strings cannot say whether they are well-formed', () => {
  it('lone surrogates are still found', () => {
    const { keys } = run(`
      delete String.prototype.isWellFormed;
      const { sha256Hex, keyOf } = await import(${JSON.stringify(BUILT.href)});
      for (const act of [() => sha256Hex('a\\ud800'), () => keyOf({ a: 'é\\ud800' })]) {
        let code;
        try { act(); } catch (error) { code = error.code; }
        if (code !== 'SAMEKEY_LONE_SURROGATE') throw new Error(String(code));
      }`);
    expect(keys).toEqual(EXPECTED);
  });
});
