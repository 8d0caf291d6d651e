import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/security.md'), 'utf8');

/** The links to tests, whose text is the name of the test. */
const links = [
  ...page.matchAll(
    /\[([^\]]+)\]\(https:\/\/github\.com\/samekey\/samekey\/blob\/main\/(test\/[^)]+)\)/g,
  ),
].map(([, name = '', path = '']) => [name, path] as const);

describe('docs/security.md links to the test', () => {
  it('for each claim', () => expect(links.length).toBeGreaterThan(40));

  it.each(links)('%s', (name, path) => {
    expect(readFileSync(join(ROOT, path), 'utf8')).toContain(name);
  });
});
