import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ProblemName, problemDetails, TITLES } from '../../src/response/problem.js';

describe.each(Object.entries(TITLES))('docs/%s.md', (page, titles) => {
  const text = readFileSync(new URL(`../../docs/${page}.md`, import.meta.url), 'utf8');
  const [, , section = ''] = /^(## Problems)$([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(text) ?? [];
  const headings = [...section.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);

  it('has a section for each problem whose type points to it, and for no other', () => {
    const types = Object.keys(titles).map(
      (name) => problemDetails(name as ProblemName, 400, 'SAMEKEY_REFUSED', '').type,
    );
    const address = `https://github.com/samekey/samekey/blob/main/docs/${page}.md#`;
    expect(types.sort()).toEqual(headings.map((heading) => address + heading).sort());
  });
});
