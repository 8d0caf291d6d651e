import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalize,
  createSha256,
  keyOf,
  keyOfStream,
  scoped,
  sha1,
  sha256,
  sha256Hex,
  uuidv5,
} from '../../src/index.js';
import { ENGINES, under } from '../engine/engines.js';
import { anyJson, anyText } from '../json/values.js';
import { hexOf } from '../vectors/vectors.js';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

function python(args: readonly string[], input = '') {
  return spawnSync('python3', ['-B', ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONPATH: path('examples/python'), PYTHONIOENCODING: 'utf-8' },
  });
}

const isThere = python(['--version']).status === 0;

/** Runs a test if Python is installed. Otherwise prints one line. */
function withPython(name: string, test: () => unknown) {
  it(name, () => {
    if (isThere) return test();
    console.warn(`python3 is not here, so this did not run: ${name}`);
    expect(process.env.CI, 'in CI there must be a python3').toBeFalsy();
  });
}

/** Reads a JSON list of cases and writes the list of results of the function. */
const SCRIPT = `
import hashlib, hmac, json, sys, uuid
import samekey

def bytes_of(case):
    return bytes.fromhex(case['hex'])

def digests(case):
    content, secret = bytes_of(case), case['secret'].encode()
    text = case['text']
    return [
        hashlib.sha256(content).hexdigest(),
        hashlib.sha1(content).hexdigest(),
        hmac.new(secret, content, hashlib.sha256).hexdigest(),
        hashlib.sha256(text.encode()).hexdigest(),
        str(uuid.uuid5(uuid.UUID(case['namespace']), text)),
        samekey.sha256_hex(content, case['scopes'], 128),
        samekey.sha256_hex(text, case['scopes'], 256, case['secret']),
        samekey.uuidv5(case['namespace'], content),
    ]

def keys(case):
    value = samekey.parse_json(case['json'])
    return [
        samekey.canonical_json(value),
        samekey.key_of(value),
        samekey.key_of(value, case['scopes'], 128),
        samekey.key_of(value, case['scopes'], 256, case['secret']),
    ]

print(json.dumps([globals()[sys.argv[1]](case) for case in json.load(sys.stdin)]))
`;

function ask(what: 'digests' | 'keys', cases: readonly object[]): string[][] {
  const { status, stdout, stderr } = python(['-c', SCRIPT, what], JSON.stringify(cases));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** Python has integers of any size: beyond 2^53 - 1 the example refuses what JavaScript would round. */
function hasHugeInteger(json: string): boolean {
  let found = false;
  JSON.parse(json, (_, value) => {
    found ||= typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
    return value;
  });
  return found;
}

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);
const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number) =>
  fc.sample(arbitrary, { seed: SEED, numRuns });

const text = anyText;
const scopes = fc.array(
  text.map((each) => each.replaceAll('\0', '')),
  { minLength: 1, maxLength: 3 },
);
const secret = text.filter((each) => each.length > 0);

describe(`random input, SAMEKEY_TEST_SEED=${SEED}`, () => {
  withPython('hashlib, hmac, uuid and the example say the same of any bytes and text', async () => {
    const cases = sample(
      fc.record({
        content: fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.uint8Array({ minLength: 4000, maxLength: 5000 }),
        ),
        text,
        scopes,
        secret,
        namespace: fc.uuid(),
      }),
      400,
    );
    const answers = ask(
      'digests',
      cases.map(({ content, ...rest }) => ({ ...rest, hex: hexOf(content) })),
    );
    for (const [i, each] of cases.entries()) {
      const { content, text: words, scopes: list, secret: key, namespace } = each;
      const ours = (engine: (typeof ENGINES)[number]) =>
        under(engine, () => [
          hexOf(sha256(content)),
          hexOf(sha1(content)),
          sha256Hex(content, { secret: key }).slice(3),
          hexOf(createSha256().update(words).digest()),
          uuidv5(namespace, words),
          scoped(list, content, { bits: 128 }),
          scoped(list, words, { secret: key }),
          uuidv5(namespace, content),
        ]);
      for (const engine of ENGINES) expect(ours(engine)).toEqual(answers[i]);
      expect(await keyOfStream([content])).toBe(`ik_${answers[i]?.[0]}`);
    }
  });

  withPython('the example makes the same key of any JSON text', () => {
    const cases = sample(fc.record({ value: anyJson, scopes, secret }), 600)
      .map(({ value, ...rest }) => ({ ...rest, json: JSON.stringify(value) }))
      .filter(({ json }) => !hasHugeInteger(json));
    expect(cases.length).toBeGreaterThan(200);
    const answers = ask('keys', cases);
    for (const [i, { json, scopes: scope, secret: key }] of cases.entries()) {
      const value = JSON.parse(json);
      expect([
        canonicalize(value),
        keyOf(value),
        keyOf(value, { scope, bits: 128 }),
        keyOf(value, { scope, secret: key }),
      ]).toEqual(answers[i]);
    }
  });
});

describe('the vectors', () => {
  withPython('are met by the Python example', () => {
    const { status, stdout } = python([path('examples/python/check_vectors.py')]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^[1-9]\d+ passed, 0 failed\n$/),
    });
  });

  withPython('are what the standard library of Python computes', () => {
    const { status, stdout } = python([path('test/vectors/generate.py'), '--check']);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'every vector agrees with Python\n' });
  });

  withPython('and the examples have one key in both languages', () => {
    for (const name of ['anthropic-messages', 'openai-responses', 'gemini-generate-content']) {
      const file = path(`examples/${name}.json`);
      const { stdout } = python([path('examples/python/samekey.py'), file]);
      const script = `
        import { readFileSync } from 'node:fs';
        import { keyOf } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
        console.log(keyOf(JSON.parse(readFileSync(${JSON.stringify(file)}, 'utf8'))));`;
      const ours = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
        encoding: 'utf8',
      });
      expect(stdout).toMatch(/^ik_[0-9a-f]{64}\n$/);
      expect(ours.stdout).toBe(stdout);
    }
  });
});
