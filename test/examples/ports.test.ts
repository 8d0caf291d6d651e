import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, describe, expect } from 'vitest';
import { type IdentityOptions, keyOf, keyOfJson } from '../../src/index.js';
import { deep } from '../depth.js';
import { spelled } from '../json/spelling.js';
import { anyJson } from '../json/values.js';
import { random } from '../runtime/random.js';
import { GO_PORT, PORTS, type Port, Programs, path, withPort } from './ports.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

const programs = new Programs();
afterAll(() => programs.remove());

/** How many vectors there are in all files. */
function vectorCount(): number {
  const files = readdirSync(path('test/vectors')).filter((name) => name.endsWith('.json'));
  const lists = files.flatMap((name) =>
    Object.values(JSON.parse(readFileSync(path(`test/vectors/${name}`), 'utf8'))),
  );
  return lists.filter(Array.isArray).reduce((sum, list) => sum + list.length, 0);
}

/** The key, or the code of the error. */
function keyOrCode(text: Uint8Array | string, identity?: IdentityOptions): string {
  try {
    return keyOfJson(text, identity);
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Sends all lines to a program and compares each line of its output. */
async function compare(
  port: Port,
  [program, flag]: readonly [string, string],
  lines: readonly string[],
  expected: readonly string[],
): Promise<void> {
  const input = lines.map((line) => `${line}\n`).join('');
  const { status, stdout, stderr } = await programs.run(port, program, [flag], input);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const answers = stdout.trimEnd().split('\n');
  expect(answers.length).toBe(lines.length);
  const wrong = answers.findIndex((answer, i) => answer !== expected[i]);
  expect(answers[wrong], `line ${wrong}: ${lines[wrong]}`).toBe(expected[wrong]);
}

/** Removes, repeats or replaces a part of a text now and then, so that it may not be JSON. */
function damaged(text: string, next: () => number): string {
  const below = (count: number) => Math.floor(next() * count);
  const at = below(text.length + 1);
  const parts = ['"', '\\', '\\ud800', '{', '}', '[', ']', ',', ':', '0', '-', '.', 'e', '\t', 'é'];
  const part = [parts[below(parts.length)] as string, text.slice(at, at + below(9)), ''][below(3)];
  const cut = text.slice(0, at) + part + text.slice(at + below(3));
  return cut.replaceAll(/\p{Surrogate}/gu, '?');
}

/** Numbers at which printers and readers of doubles go wrong. */
function numberText(next: () => number): string {
  const below = (count: number) => Math.floor(next() * count);
  const bits = new DataView(new ArrayBuffer(8));
  bits.setUint32(0, below(2 ** 32));
  bits.setUint32(4, below(2 ** 32));
  const any = bits.getFloat64(0);
  const digits = Array.from({ length: 1 + below(25) }, () => below(10)).join('');
  // Halfway between two decimals of 16 or 17 digits.
  const halfway = (2 ** 52 + below(2 ** 52)) / 2 ** below(12);
  return [
    String(Number.isFinite(any) ? any : below(10)),
    String(halfway),
    String(2 ** (below(2100) - 1075) || 1),
    (BigInt(2 ** 53) + BigInt(below(9) - 4)).toString(),
    digits,
    `-${digits}`,
    `${below(100)}.${digits}e${below(700) - 350}`,
    `${10 ** below(22)}`,
  ][below(8)] as string;
}

const NAMES = ['a', 'b', 'id', 'items', 'é', '🧳', 'a-b', ''];

/** A value with few names, so that paths match. */
function smallValue(next: () => number, depth = 0): unknown {
  const below = (count: number) => Math.floor(next() * count);
  const kind = depth > 4 ? 0 : below(4);
  if (kind === 0) return [null, true, 'text', -0.5, '', 1e21][below(6)];
  if (kind === 1) {
    return Array.from({ length: below(4) }, () => smallValue(next, depth + 1));
  }
  return Object.fromEntries(
    Array.from({ length: below(5) }, () => [
      NAMES[below(NAMES.length)] as string,
      smallValue(next, depth + 1),
    ]),
  );
}

function anyPath(next: () => number): string {
  const below = (count: number) => Math.floor(next() * count);
  const name = () => NAMES[below(NAMES.length)] as string;
  const quoted = () => (next() < 0.5 ? `'${name()}'` : JSON.stringify(name()));
  const index = () => below(9) - 4;
  const bound = () => ['', '', ' ', index(), index(), index()][below(6)];
  const slice = () => `${bound()}:${bound()}${['', ':', `:${index()}`][below(3)]}`;
  const selector = () =>
    [quoted(), quoted(), String(index()), slice(), slice(), '*'][below(6)] as string;
  const bracketed = () => `[${Array.from({ length: 1 + below(2) }, selector).join(', ')}]`;
  const segment = () => {
    const shorthand = [name().replace(/-|^$/, 'x'), '*'][below(2)];
    return [`.${shorthand}`, `..${shorthand}`, bracketed(), `..${bracketed()}`][below(4)];
  };
  if (next() < 0.1) return name();
  const text = `$${Array.from({ length: below(4) }, segment).join('')}`;
  return next() < 0.05 ? damaged(text, next) : text;
}

interface Case {
  readonly hex: string;
  readonly identity: IdentityOptions;
}

/** A JSON text with an identity, of which at most one is refused. */
function anyCase(next: () => number): Case {
  const below = (count: number) => Math.floor(next() * count);
  const maybe = <T>(chance: number, name: string, value: () => T) =>
    next() < chance ? { [name]: value() } : {};
  const paths = () => Array.from({ length: 1 + below(3) }, () => anyPath(next));
  let text = spelled(smallValue(next), next);
  const isDamaged = next() < 0.2;
  if (isDamaged) text = damaged(text, next);
  const bytes = Buffer.from(text);
  if (isDamaged && next() < 0.3 && bytes.length > 0) bytes[below(bytes.length)] = below(256);
  const identity = isDamaged
    ? maybe(0.5, 'bigNumbers', () => ['error', 'digits', 'double'][below(3)])
    : {
        ...maybe(0.4, 'include', paths),
        ...maybe(0.4, 'exclude', paths),
        ...maybe(0.3, 'refs', paths),
        ...maybe(0.2, 'scope', () => ['tenant', 'é']),
        ...maybe(0.2, 'bits', () => [128, 256][below(2)]),
        ...maybe(0.1, 'maxDepth', () => 1 + below(4)),
      };
  return { hex: bytes.toString('hex'), identity };
}

interface Answered {
  readonly lines: readonly string[];
  /** The key or the error code of each line. */
  readonly expected: readonly string[];
}

/** The cases as lines, with what the library says to them. */
const answered = (cases: readonly Case[]): Answered => ({
  lines: cases.map(({ hex, identity }) => JSON.stringify({ hex, ...identity })),
  expected: cases.map(({ hex, identity }) => keyOrCode(Buffer.from(hex, 'hex'), identity)),
});

/** Made once for all languages. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const randomDocuments = once((): Answered => {
  const next = random(SEED);
  const documents = fc
    .sample(anyJson, { seed: SEED, numRuns: deep(1500, 8000) })
    .map((value) => spelled(value, next).replaceAll('\n', '\t'));
  const lines = documents.flatMap((text) => [text, damaged(text, next)]);
  return { lines, expected: lines.map((line) => keyOrCode(line)) };
});

const randomNumbers = once((): Answered => {
  const next = random(SEED);
  const lines = Array.from({ length: deep(10_000, 100_000) }, () => numberText(next));
  return { lines, expected: lines.map((line) => keyOrCode(line)) };
});

const randomIdentities = once(() => {
  const next = random(SEED);
  return answered(Array.from({ length: deep(4000, 30_000) }, () => anyCase(next)));
});

describe.each(PORTS)('the example in $name', (port) => {
  withPort(port, 'meets every vector', async () => {
    const { status, stdout } = await programs.run(port, 'check_vectors', [path('test/vectors')]);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+ passed, 0 failed\n$/),
    });
    expect(Number.parseInt(stdout, 10)).toBeGreaterThanOrEqual(vectorCount());
  });

  withPort(port, 'makes the same key of a file', async () => {
    for (const name of ['anthropic-messages', 'openai-responses', 'gemini-generate-content']) {
      const file = path(`examples/${name}.json`);
      const { stdout } = await programs.run(port, 'key', [file]);
      expect(stdout).toBe(`${keyOf(JSON.parse(readFileSync(file, 'utf8')))}\n`);
    }
  });

  withPort(port, 'says in one line why there is no key', async () => {
    for (const [args, message] of [
      [[], 'samekey: usage: key FILE | key --lines'],
      [[path('README.md')], 'SAMEKEY_BAD_JSON: cannot read the JSON text at line 1, column 1'],
      [['no such file'], 'no such file'],
    ] as const) {
      const { status, stdout, stderr } = await programs.run(port, 'key', args);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(message);
      expect(stderr.trimEnd()).not.toContain('\n');
    }
  });

  withPort(port, `agrees on random documents, SAMEKEY_TEST_SEED=${SEED}`, async () => {
    const { lines, expected } = randomDocuments();
    expect(new Set(expected)).toContain('SAMEKEY_BAD_JSON');
    await compare(port, ['key', '--lines'], lines, expected);
  });

  withPort(port, `agrees on random numbers, SAMEKEY_TEST_SEED=${SEED}`, async () => {
    const { lines, expected } = randomNumbers();
    for (const code of ['SAMEKEY_BAD_JSON', 'SAMEKEY_BIG_NUMBER']) {
      expect(new Set(expected)).toContain(code);
    }
    await compare(port, ['key', '--lines'], lines, expected);
  });

  withPort(port, `agrees on random identities, SAMEKEY_TEST_SEED=${SEED}`, async () => {
    const { lines, expected } = randomIdentities();
    for (const code of ['BAD_JSON', 'BAD_PATH', 'EMPTY_IDENTITY', 'TOO_DEEP', 'BAD_IDENTITY']) {
      expect(new Set(expected)).toContain(`SAMEKEY_${code}`);
    }
    expect(expected.filter((each) => each.startsWith('ik_')).length).toBeGreaterThan(1000);
    await compare(port, ['check_vectors', '--cases'], lines, expected);
  });

  withPort(port, 'refuses what no key may be made of', async () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const refs = (count: number) => ({
      hex: Buffer.from(nested(count)).toString('hex'),
      identity: { refs: ['$..*', '$'] },
    });
    const cases: Case[] = [
      { hex: '7b7d', identity: { include: [] } },
      { hex: '7b7d', identity: { scope: ['a\0b'] } },
      { hex: '7b7d', identity: { maxDepth: 1501 } },
      { hex: Buffer.from(nested(1000)).toString('hex'), identity: {} },
      { hex: Buffer.from(nested(1001)).toString('hex'), identity: {} },
      { hex: Buffer.from(nested(1500)).toString('hex'), identity: { maxDepth: 1500 } },
      refs(100),
      refs(101),
    ];
    const { lines, expected } = answered(cases);
    expect(expected.filter((each) => each.startsWith('ik_')).length).toBe(3);
    await compare(port, ['check_vectors', '--cases'], lines, expected);
  });
});

describe('the code', () => {
  withPort(GO_PORT, 'is formatted by gofmt, and go vet finds nothing in it', () => {
    const { folder: cwd } = GO_PORT;
    const { status, stdout, stderr } = spawnSync('gofmt', ['-l', '.'], { cwd, encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
    const files = readdirSync(cwd).filter((name) => name.endsWith('.go'));
    const mains = files.filter((name) =>
      readFileSync(`${cwd}/${name}`, 'utf8').startsWith('//go:build ignore'),
    );
    for (const target of ['.', ...mains]) {
      const vetted = spawnSync('go', ['vet', target], {
        cwd,
        encoding: 'utf8',
        env: { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off', GOTOOLCHAIN: 'local' },
      });
      expect({ target, status: vetted.status, stderr: vetted.stderr }).toEqual({
        target,
        status: 0,
        stderr: '',
      });
    }
  });
});
