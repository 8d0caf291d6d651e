import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The declarations that editors show; the interfaces map these properties. */
const FILES = [
  'ai-sdk',
  'batch',
  'cost',
  'fetch',
  'fetch/retry',
  'once',
  'pool',
  'request',
  'response',
  'server',
].map((folder) => `${folder}/options.d.ts`);

describe.each(FILES)('dist/%s', (file) => {
  const text = readFileSync(new URL(`../../dist/${file}`, import.meta.url), 'utf8');

  it('has a comment on each option, which editors show', () => {
    const specs = [...text.matchAll(/^declare const \w+: \{$([\s\S]*?)^\};$/gm)]
      .concat([...text.matchAll(/^export declare const \w+: \{$([\s\S]*?)^\};$/gm)])
      .map(([, body]) => body as string);
    expect(specs.length).toBeGreaterThan(0);
    for (const body of specs) {
      const names = body.match(/^ {4}\w+: /gm) ?? [];
      const comments = body.match(/^ {4}\/\*\*/gm) ?? [];
      expect(names.length).toBeGreaterThan(0);
      expect(comments.length).toBe(names.length);
    }
  });
});
