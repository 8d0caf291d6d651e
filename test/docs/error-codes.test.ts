import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/error-codes.md'), 'utf8');

/** Every code in quotes, which are those of errors. Names of variables stand without quotes. */
const codes = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .flatMap(({ parentPath, name }) => {
    const source = readFileSync(join(parentPath, name), 'utf8');
    return [...source.matchAll(/'(SAMEKEY_[A-Z_]+)'/g)].map(([, code]) => code as string);
  });

/** The sections of the page, by the code in their headings. */
const sections = new Map(
  [...page.matchAll(/^### (\S+)\n([\s\S]*?)(?=^##|(?![\s\S]))/gm)].map(
    ([, code = '', text = '']) => [code, text.trim()] as const,
  ),
);

describe('docs/error-codes.md', () => {
  it('has a section for each code in src, and no other', () => {
    expect([...sections.keys()].sort()).toEqual([...new Set(codes)].sort());
  });

  it.each([...sections])('%s says what it means, and what to do', (_, text) => {
    const [meaning = '', advice = ''] = text.split(' **Do:** ');
    expect(meaning.length).toBeGreaterThan(10);
    expect(advice).toMatch(/\.$/);
  });
});
