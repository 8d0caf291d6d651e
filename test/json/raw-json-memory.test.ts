import { execFileSync } from 'node:child_process';
import { freemem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { loadWasm } from '../../src/engine/load.js';
import { canonicalizeJson, keyOfJson, sha256Hex } from '../../src/index.js';
import { deep } from '../depth.js';
import { under } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { inModule } from './spelling.js';

const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));

it('the first instance never grows', () => {
  const before = loadWasm()?.call.memory.buffer;
  const texts = [
    '"a"',
    `"${'a'.repeat(5_000_000)}"`,
    `[${'1e20,'.repeat(50_000)}1]`,
    `{${Array.from({ length: 30_000 }, (_, i) => `"${i}":0`).reverse()}}`,
    '[',
  ];
  for (const text of texts) inModule(text);
  expect(loadWasm()?.call.memory.buffer).toBe(before);
  expect(before?.byteLength).toBeLessThanOrEqual(2 ** 21);
});

it('is enough for texts of every kind and of lengths about its own', () => {
  for (const char of ['a', 'é', '東', '🧳']) {
    for (const length of [130_000, 140_000, 280_000, 410_000, 420_000, 800_000, 830_000]) {
      const text = `{"b":"${char.repeat(length / char.length)}","a":1}`;
      const expected = `{"a":1,"b":"${char.repeat(length / char.length)}"}`;
      expect(inModule(text) === expected).toBe(true);
      expect(inModule(Buffer.from(text)) === expected).toBe(true);
      expect(under('wasm', () => keyOfJson(text, { scope: 's'.repeat(length) }))).toBe(
        sha256Hex(`${'s'.repeat(length)}\0${expected}`),
      );
    }
  }
});

it('a text that does not fit into any memory is refused, and the next one is taken', () => {
  // Pages of zeros that were never written take no memory.
  const huge = new Uint8Array(2 ** 32);
  expectThrown(() => under('wasm', () => canonicalizeJson(huge)), RangeError, {
    code: 'SAMEKEY_TOO_LONG',
    message: /4294967296 bytes/,
  });
  expect(inModule('[1]')).toBe('[1]');
});

/** Runs a program with the library in a separate process. Returns its output. */
function run(program: string): number[] {
  // A small young generation: growth then comes only from retained memory.
  const args = [
    '--expose-gc',
    '--max-semi-space-size=1',
    '--input-type=module',
    '-e',
    program,
    entry,
  ];
  const written = execFileSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 20 });
  return JSON.parse(written);
}

const SETTLE = `
  const { defineIdentity, keyOfJson } = await import(process.argv[1]);
  const settle = async () => {
    for (let i = 0; i < 8; i++) { gc(); await new Promise((done) => setTimeout(done, 30)); }
    return process.memoryUsage().rss / 2 ** 20;
  };
  keyOfJson('{"b":1,"a":"' + 'x'.repeat(2e6) + '"}');
`;

const DOCUMENT_BYTES = deep(100e6, 500e6);
const KEYS = deep(300_000, 1_000_000);

it(`after ${DOCUMENT_BYTES / 1e6} MB it has let go of them`, () => {
  if (freemem() < 3 * 2 ** 30) {
    console.warn('there are no 3 GiB of free memory: not run');
    return;
  }
  const [before, after, again] = run(`${SETTLE}
    const before = await settle();
    const element = ',{"b":"some text","a":[1,2,3]}';
    let document = Buffer.alloc(element.length * Math.ceil(${DOCUMENT_BYTES} / element.length) + 1, element);
    document[0] = 0x5b;
    document[document.length - 1] = 0x5d;
    keyOfJson(document);
    document = undefined;
    const after = await settle();
    keyOfJson('{"b":1,"a":"' + 'x'.repeat(2e6) + '"}');
    console.log(JSON.stringify([before, after, await settle()]));
  `) as [number, number, number];
  expect(after - before).toBeLessThan(64);
  expect(again - before).toBeLessThan(64);
});

it(`${KEYS} small keys leave nothing behind`, () => {
  const [before, after] = run(`${SETTLE}
    const identity = defineIdentity({ scope: 'a', exclude: ['c'] });
    const use = (count) => {
      for (let i = 0; i < count; i++) keyOfJson('{"b":' + i + ',"a":[1,2.50,"\\u0041"]}', identity);
    };
    use(${KEYS * 0.4});
    const before = await settle();
    use(${KEYS});
    console.log(JSON.stringify([before, await settle()]));
  `) as [number, number];
  expect(after - before).toBeLessThan(16);
});
