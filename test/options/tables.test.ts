import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { OptionSpec, OptionSpecs } from '../../src/options/spec.js';

interface Tables {
  readonly PAGES: readonly string[];
  readonly SENTENCES: string;
  amount(kind: string, value: number): string;
  docOf(specs: OptionSpecs, name: string): { readonly sentence: string } | undefined;
  readSpecs(): Promise<Readonly<Record<string, OptionSpecs>>>;
  renderPage(all: unknown, page: string, text: string): string;
  renderSentences(all: unknown): string;
}

const script = new URL('tables.mjs', import.meta.url);
const { PAGES, amount, docOf, readSpecs, renderPage, renderSentences, SENTENCES }: Tables =
  await import(script.href);
const all = await readSpecs();
const root = fileURLToPath(new URL('../..', import.meta.url));

it.each(PAGES)('%s has the tables that `npm run docs` writes', (page) => {
  const text = readFileSync(root + page, 'utf8');
  // `renderPage` throws if the page has no markers.
  expect(text).toBe(renderPage(all, page, text));
});

it('the help of `samekey proxy` has the sentences that `npm run docs` writes', () => {
  expect(readFileSync(root + SENTENCES, 'utf8')).toBe(renderSentences(all));
});

const { PROXY_FLAGS: _, ...makers } = all;
const options = Object.entries(makers).flatMap(([maker, specs]) =>
  Object.keys(specs).map((name) => ({ maker, name, specs, spec: specs[name] as OptionSpec })),
);

describe('the specification', () => {
  it.each(options)('of $name of $maker has one sentence', ({ specs, name }) => {
    expect(docOf(specs, name)?.sentence).toMatch(/^[A-Z].*\.$/);
  });

  it.each(options)('of $name of $maker accepts its own default', ({ spec }) => {
    if (spec.default !== undefined) expect(spec.faultOf(spec.default)).toBeUndefined();
    expect(spec.min ?? 0).toBeLessThan(spec.max ?? Number.POSITIVE_INFINITY);
  });
});

it.each([
  ['duration', 0, '0'],
  ['duration', 500, '500 ms'],
  ['duration', 90_000, '90 s'],
  ['duration', 24 * 3600e3, '24 h'],
  ['duration', 30 * 24 * 3600e3, '30 days'],
  ['duration', 2 ** 31 - 1, '24.8 days'],
  ['byteCount', 16 * 2 ** 20, '16 MiB'],
  ['byteCount', 2 ** 31 - 1, '2 GiB'],
  ['wholeNumber', 1000, '1000'],
])('a table shows %s %d as %s', (kind, value, text) => {
  expect(amount(kind, value)).toBe(text);
});
