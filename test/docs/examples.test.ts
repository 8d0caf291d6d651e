import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import * as samekey from '../../src/index.js';
import { type Example, examplesInMarkdown, examplesInSource, prepare } from './examples.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

afterEach(() => samekey.useEngine('auto'));

/** How an example can shorten a value: `'ik_ba78…'`. */
function elided(expected: unknown): unknown {
  if (typeof expected === 'string' && expected.includes('…')) {
    const parts = expected.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
    return expect.stringMatching(new RegExp(`^${parts.join('.*')}$`, 's'));
  }
  if (Array.isArray(expected)) return expected.map(elided);
  if (Object.getPrototypeOf(expected ?? 0) !== Object.prototype) return expected;
  return Object.fromEntries(
    Object.entries(expected as object).map(([name, value]) => [name, elided(value)]),
  );
}

/** The modules that users import by these names: the sources, except threads, which need the build. */
const ENTRIES: Record<string, object> = {};
for (const [name, target] of Object.entries<{ types?: string }>(
  JSON.parse(read('package.json')).exports,
)) {
  if (target.types === undefined || name === './pool') continue;
  const source = target.types.replace('./dist/', '../../src/').replace('.d.ts', '.js');
  ENTRIES[name.replace('.', 'samekey')] = await import(source);
}
/** The names that examples in comments use without an import. */
const EVERYTHING = Object.assign({}, ...Object.values(ENTRIES));

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (...values: unknown[]) => Promise<void>;

/** Runs an example. Returns how many of its values were checked. */
async function run(example: Pick<Example, 'code' | 'language'>, scope: object): Promise<number> {
  const { code } = prepare(example);
  let checked = 0;
  const inScope = {
    ...scope,
    load: (specifier: string) => ENTRIES[specifier] ?? import(specifier),
    check(actual: unknown, expected: unknown) {
      checked++;
      expect(actual).toEqual(elided(expected));
    },
    async checkThrown(act: () => Promise<unknown>, name: string) {
      checked++;
      const [outcome] = await Promise.allSettled([act()]);
      const error = outcome?.status === 'rejected' ? outcome.reason : undefined;
      expect(error?.constructor.name).toBe(name);
    },
  };
  await new AsyncFunction(...Object.keys(inScope), code)(...Object.values(inScope));
  return checked;
}

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
  .sort();
const inSource = sources.flatMap((path) => examplesInSource(path, read(path)));

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'site/index.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
].filter((path) => path.endsWith('.md'));
const inDocuments = documents.flatMap((path) => examplesInMarkdown(path, read(path)));

describe('examples in doc comments', () => {
  it.each(inSource)('$name', async (example) => {
    const { checkCount, prose } = prepare(example);
    // In a doc comment, a comment after an expression must be its value.
    expect(prose).toEqual([]);
    expect(checkCount).toBeGreaterThan(0);
    expect(await run(example, EVERYTHING)).toBe(checkCount);
  });

  it('exist for every public function', () => {
    const functions = Object.entries(samekey)
      .filter(([, value]) => typeof value === 'function')
      .map(([name]) => name);
    const documented = inSource.map(({ name }) => name.split(': ')[1]);
    expect(functions.length).toBeGreaterThan(18);
    expect(functions.filter((name) => !documented.includes(name))).toEqual([]);
  });
});

describe('examples in documents', () => {
  it.each(inDocuments)('$name', async (example) => {
    const { checkCount } = prepare(example);
    expect(await run(example, {})).toBe(checkCount);
  });

  it('exist', () => {
    expect(inDocuments.some(({ name }) => name.startsWith('README.md'))).toBe(true);
    const checks = inDocuments.map((example) => prepare(example).checkCount);
    expect(checks.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
  });
});

describe('the check of examples', () => {
  const js = (code: string) => ({ code, language: 'js' }) as const;

  it.each([
    ['f(1); // 1', 1],
    ["f('a'); // 'a'", 1],
    ['f(1) === 1; // true, in every language', 1],
    ['f([1, 2]); // [1, 2]', 1],
    ['f({ a: 1 });\n// { a: 1 }', 1],
    ['f({ a: [1] });\n// {\n//   a: [1],\n// }', 1],
    ['f(new Uint8Array([1, 2])); // Uint8Array [1, 2]', 1],
    ["f('abcdef'); // 'ab…ef'", 1],
    ["f({ key: 'abcdef' }); // { key: 'abc…' }", 1],
    ['f(2); // equals f(1) + 1', 1],
    ['f(1); // → 1', 1],
    ['null.x; // throws TypeError', 1],
    ['await f(Promise.resolve(1)); // 1', 1],
    ["import { sha256Hex as h } from 'samekey';\nh('', { bits: 128 }).length; // 35", 1],
    ['const a = 1; // not 2\nf(a); // 1', 1],
    ['f(1); // some words\nf(2); // 2', 1],
  ])('passes %j', async (code, count) => {
    expect(await run(js(code), { f: (value: unknown) => value })).toBe(count);
  });

  it.each([
    'f(1); // 2',
    "f('a'); // 'b'",
    'f(1) === 1; // false, in no language',
    'f([1, 2]); // [1]',
    'f({ a: 1 });\n// { a: 2 }',
    'f(new Uint8Array([1])); // Uint8Array [2]',
    "f('abcdef'); // 'ab…x'",
    'f(2); // equals f(1)',
    'f(1); // → 2',
    'f(1); // throws TypeError',
    'null.x; // throws RangeError',
    'f(',
    'g(1);',
    "f('a'); // 'unclosed",
  ])('fails %j', async (code) => {
    await expect(async () => run(js(code), { f: (value: unknown) => value })).rejects.toThrow();
  });

  it('finds the marked blocks, and skips the ones marked no-run', () => {
    const fence = '```';
    const markdown = `${fence}js\na;\n${fence}\n${fence}js no-run\nb;\n${fence}\n${fence}sh\nc\n${fence}\n${fence}ts\nd;\n${fence}\n`;
    expect(examplesInMarkdown('x.md', markdown).map(({ code }) => code.trim())).toEqual([
      'a;',
      'd;',
    ]);
    const source =
      '/**\n * Text.\n *\n * @example\n * f(1); // 1\n * @throws x\n */\nexport function f() {}';
    expect(examplesInSource('x.ts', source)).toEqual([
      { name: 'x.ts: f', code: 'f(1); // 1', language: 'ts' },
    ]);
  });
});
