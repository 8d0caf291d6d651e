import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const BUILT = new URL('../../dist/index.js', import.meta.url);

/**
 * Runs `script` with the built library in a separate process, after `before` has changed the
 * platform.
 */
function run(before: string, script: string): unknown {
  if (!existsSync(BUILT)) throw new Error('dist/index.js is missing: run "npm run build" first');
  const source = `
    ${before}
    const samekey = await import(${JSON.stringify(BUILT.href)});
    const codes = (acts) => acts.map((act) => {
      try { return act() } catch (error) { return [error.constructor.name, error.code, error.message] }
    });
    const show = async (value) => console.log(JSON.stringify(await value));
    ${script}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', source],
    { encoding: 'utf8', env: { ...process.env, SAMEKEY_ENGINE: '' } },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Everything that depends on the platform's text coding, each as the first call of all. */
const ACTS = `[
  () => samekey.sha256Hex('abc'),
  () => samekey.sha256Hex(Uint8Array.of(1)),
  () => samekey.keyOf({ a: 1 }),
  () => samekey.keyOf({ a: 1 }, { scope: 's' }),
  () => samekey.keyOf({ a: 1 }, { secret: 's' }),
  () => samekey.keyOfJson('{"a":1}'),
  () => samekey.keyOfJson(Uint8Array.of(0x31)),
  () => samekey.keysOf([1, 2]),
  () => samekey.canonicalize({ a: 'é' }),
  () => samekey.canonicalizeJson('1'),
  () => samekey.uuidv5(samekey.NAMESPACE_DNS, 'a'),
  () => samekey.createSha256().update('a'),
  () => samekey.explain({ a: 1 }).key,
  () => samekey.createConversation({ messages: [] }),
  () => samekey.listEngines(),
  () => samekey.useEngine('js'),
]`;

const patchEncoder = (method: string, body: string) => `
  const { ${method}: right } = TextEncoder.prototype;
  TextEncoder.prototype.${method} = function (text, into) { ${body} };`;
const patchDecoder = (body: string) => `
  const { TextDecoder: Right } = globalThis;
  globalThis.TextDecoder = class { ${body} };`;

const WRONG: [string, string, RegExp][] = [
  ['TextEncoder is missing', 'delete globalThis.TextEncoder;', /TextEncoder is not defined/],
  ['TextDecoder is missing', 'delete globalThis.TextDecoder;', /TextDecoder is not defined/],
  [
    'TextEncoder has no encodeInto, as a polyfill',
    'delete TextEncoder.prototype.encodeInto;',
    /encodeInto is not a function/,
  ],
  [
    'TextEncoder gives Latin-1',
    patchEncoder('encode', 'return Uint8Array.from(text, (c) => c.charCodeAt(0))'),
    /give "255,233/,
  ],
  [
    'TextEncoder encodes each half of a pair, as CESU-8 has it',
    patchEncoder(
      'encode',
      "return Uint8Array.from([...text.split('')].flatMap((c) => [...right.call(this, c)]))",
    ),
    /239,191,189,239,191,189/,
  ],
  [
    'TextEncoder leaves lone surrogates out',
    patchEncoder(
      'encode',
      'return right.call(this, text.toWellFormed().replaceAll("\\ufffd", ""))',
    ),
    /159,167,179,2,5,/,
  ],
  [
    'encodeInto writes nothing, as a stub',
    patchEncoder('encodeInto', 'return { read: 0, written: 0 }'),
    /,0,0,/,
  ],
  [
    'encodeInto counts bytes for characters',
    patchEncoder(
      'encodeInto',
      'const { written } = right.call(this, text, into); return { read: written, written }',
    ),
    /,5,5,/,
  ],
  [
    'TextDecoder drops the byte order mark whatever it is told',
    patchDecoder(
      '#d; constructor(label, { fatal } = {}) { this.#d = new Right(label, { fatal }) } decode(b) { return this.#d.decode(b) }',
    ),
    /Cannot make keys/,
  ],
  [
    'TextDecoder is lenient whatever it is told',
    patchDecoder(
      '#d; constructor(label, { ignoreBOM } = {}) { this.#d = new Right(label, { ignoreBOM }) } decode(b) { return this.#d.decode(b) }',
    ),
    /Cannot make keys/,
  ],
  [
    'TextDecoder gives Latin-1',
    patchDecoder("#d = new Right('latin1'); decode(b) { return this.#d.decode(b) }"),
    /Cannot make keys/,
  ],
  [
    'TextEncoder throws, as a trap',
    'globalThis.TextEncoder = class { constructor() { throw undefined; } };',
    /give "undefined"/,
  ],
];

describe('text coding', () => {
  it.each(WRONG)('where %s, no key is made, and every first call says why', (_, before, why) => {
    const results = run(before, `show(codes(${ACTS}))`) as unknown[];
    expect(results).toHaveLength(16);
    for (const result of results) {
      expect(result).toEqual(['Error', 'SAMEKEY_PLATFORM', expect.stringMatching(why)]);
      expect((result as string[])[2]).toMatch(
        /^Cannot make keys: TextEncoder and TextDecoder give ".*", wanted "239,.*"$/,
      );
    }
  });

  it('an import is no use: a polyfill may come after it', () => {
    const keys = run(
      'const { TextEncoder } = globalThis; delete globalThis.TextEncoder;',
      `const [missing] = codes([() => samekey.keyOf('é')]);
       globalThis.TextEncoder = TextEncoder;
       show([missing[1], samekey.keyOf('é')])`,
    );
    expect(keys).toEqual([
      'SAMEKEY_PLATFORM',
      // sha256sum of "é" in its quotes
      'ik_f2886017e9c7abacf804b54d64787dce2b611c9544ba21f3affdd126a6e50086',
    ]);
  });

  it('is tried once, and not by every call', () => {
    const counts = run(
      `let count = 0;
       const { TextEncoder: Right } = globalThis;
       globalThis.TextEncoder = class extends Right { constructor() { super(); count++; } };`,
      `const before = count;
       for (let i = 0; i < 100; i++) samekey.keyOf({ a: 'é' }, { scope: 's' });
       show([before, count])`,
    );
    expect(counts).toEqual([0, 1]);
  });
});

/** `node:crypto` with one part of it replaced. */
const patchCrypto = (body: string) => `
  const { getBuiltinModule } = process;
  process.getBuiltinModule = (id) => {
    const real = getBuiltinModule(id);
    return /crypto/.test(id) ? (({ createHash, hash }) => { ${body} })(real) : real;
  };`;

describe('node:crypto', () => {
  it.each([
    [
      'hash gives another digest',
      "return { createHash, hash: (a, c, e) => hash('sha512', c, e) };",
    ],
    [
      'hash takes text for Latin-1',
      "return { createHash, hash: (a, c, e) => hash(a, Buffer.from(c, 'latin1'), e) };",
    ],
    [
      'hash gives other bytes than digits',
      "return { createHash, hash: (a, c, e) => e === 'hex' ? hash(a, c, e) : Buffer.alloc(32) };",
    ],
    ['createHash gives another digest', "return { hash, createHash: () => createHash('sha512') };"],
    [
      'createHash is a stub',
      'return { hash, createHash: () => ({ update() { return this }, copy() { return this }, digest: () => new Uint8Array(32) }) };',
    ],
    [
      'SHA-1 is refused',
      "const check = (f) => (a, ...rest) => { if (a === 'sha1') throw new Error('not approved'); return f(a, ...rest); }; return { createHash: check(createHash), hash: check(hash) };",
    ],
  ])('where %s, it is not the native engine', (_, body) => {
    const script = `
      const long = 'é'.repeat(300_000);
      show(Promise.resolve(samekey.keyOfStream(new Blob([long]))).then((stream) => [
        samekey.listEngines().map(({ name }) => name), samekey.activeEngine().name,
        stream, samekey.sha256Hex(long), samekey.uuidv5(samekey.NAMESPACE_DNS, long),
      ]))`;
    const [, , ...expected] = run('', script) as unknown[];
    expect(run(patchCrypto(body), script)).toEqual([['wasm', 'js'], 'wasm', ...expected]);
  });

  it('is used when nothing is replaced', () => {
    const engines = run(
      patchCrypto('return { createHash, hash };'),
      'show(samekey.listEngines().map(({ name }) => name))',
    );
    expect(engines).toEqual(['native', 'wasm', 'js']);
  });
});

describe('Web Crypto', () => {
  const set = (crypto: string) =>
    `Object.defineProperty(globalThis, 'crypto', { value: ${crypto}, configurable: true });`;

  it.each([
    ['it is missing', set('undefined')],
    ['it is empty', set('{}')],
    ['randomUUID is a stub', set("{ randomUUID: () => 'test-uuid' }")],
    ['randomUUID gives nothing', set('{ randomUUID() {} }')],
    [
      'randomUUID gives another version',
      set("{ randomUUID: () => '6ba7b810-9dad-11d1-80b4-00c04fd430c8' }"),
    ],
    ['randomUUID gives more than one line', set("{ randomUUID: () => 'a\\nb' }")],
    ['getRandomValues does nothing', set('{ getRandomValues: (bytes) => bytes }')],
  ])('where %s, there is no random key', (_, before) => {
    expect(run(before, 'show(codes([samekey.randomKey]))')).toEqual([
      [
        'Error',
        'SAMEKEY_NO_RANDOM',
        expect.stringMatching(/^Cannot make a random key: .*, wanted a random UUID$/),
      ],
    ]);
  });

  it.each([['delete TextDecoder'], ['TextDecoder is a stub']])(
    'needs text coding where it gives bytes only: %s',
    (how) => {
      const meddle = how.startsWith('delete')
        ? 'delete globalThis.TextDecoder;'
        : "globalThis.TextDecoder = class { decode() { return '' } };";
      const bytesOnly = set('{ getRandomValues: (bytes) => bytes.fill(7) }');
      expect(run(meddle + bytesOnly, 'show(codes([samekey.randomKey]))')).toEqual([
        ['Error', 'SAMEKEY_PLATFORM', expect.any(String)],
      ]);
    },
  );
});

describe('WebAssembly that a policy forbids', () => {
  /** Every compilation and every instantiation is counted, and refused: a browser reports each. */
  const COUNT = (refused: 'Module' | 'Instance') => `
    let attempts = 0;
    const count = (Class) => class { constructor(...args) {
      if (Class.name === '${refused}') { attempts++; throw new WebAssembly.CompileError('blocked by CSP'); }
      return new Class(...args);
    } };
    WebAssembly.Module = count(WebAssembly.Module);
    WebAssembly.Instance = count(WebAssembly.Instance);
    WebAssembly.validate = () => { attempts++; return true };
    for (const name of ['compile', 'instantiate', 'compileStreaming', 'instantiateStreaming']) {
      WebAssembly[name] = () => { attempts++; throw new WebAssembly.CompileError('blocked by CSP') };
    }`;

  it.each(['Module', 'Instance'] as const)(
    'is attempted once, whatever is called: %s',
    (refused) => {
      const [atImport, attempts, engines, refusals] = run(
        COUNT(refused),
        `const atImport = attempts;
       const big = JSON.stringify({ a: 'é'.repeat(3_000_000), n: [1.5, 2e300, 1e21] });
       const floats = Array.from({ length: 5000 }, (_, i) => i / 7);
       const refusals = [];
       for (let i = 0; i < 3; i++) {
         for (const choice of ['auto', 'wasm', 'js', 'wasm', 'native', 'auto']) {
           try { samekey.useEngine(choice) } catch (error) { refusals.push(error.code) }
           samekey.listEngines();
           samekey.activeEngine();
           samekey.sha256Hex('abc');
           samekey.keyOf({ floats });
           samekey.keysOf([{ floats }, 'a']);
           samekey.keyOfJson(big);
           samekey.keysOfJson(['1', '{"a":[1.50]}']);
           samekey.canonicalize({ floats });
           samekey.canonicalizeJson(big);
           samekey.createSha256().update('a').digest();
           samekey.createConversation({ messages: [] }).append({ role: 'user', content: 'a' });
           await samekey.keyOfStream(new Blob(['a']));
         }
       }
       show([atImport, attempts, samekey.listEngines().map(({ name }) => name), refusals])`,
      ) as [number, number, string[], string[]];
      expect({ atImport, attempts }).toEqual({ atImport: 0, attempts: 1 });
      expect(engines).toEqual(['native', 'js']);
      expect(refusals).toEqual(new Array(6).fill('SAMEKEY_ENGINE_UNAVAILABLE'));
    },
  );
});
