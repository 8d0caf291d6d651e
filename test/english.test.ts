import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Phrases that a reader must read twice. Most have a plain form: subject, verb, object. */
const PHRASES = [
  // "5 seconds unless given": say "default: 5 seconds".
  /\bunless (?:given|told|said|asked)\b/gi,
  // "if there is none": say what is missing.
  /\b(?:is|are|was|were|if|has|have|had|gives?|gave) none\b|\bnone of ours\b/gi,
  // "What is not stored is sent again.": name the thing.
  /(?:^|[.;:!]\s+)(?:What|Who|Whoever|Whose|Whom|Whichever)\b(?![^.?!]*\?)/gm,
  // "who waits", "whoever asks": name the caller, the owner, the client.
  /\b(?:who|whoever) (?:waits?|wants?|asks?|reads?|comes?|came|calls?|joins?|looks?|watch(?:es)?|tr(?:y|ies)|knows?|made|got|left|else)\b/gi,
  // "what came of it", "what was there before": name the result, the record.
  /\bwhat (?:was|were|had|came|comes|one|nobody|somebody|others?|became|becomes|stands|lies)\b/gi,
  /\b(?:nobody|somebody|everybody|whoever)\b/gi,
  /\ball the same\b|\bno matter\b|\bas good as\b|\bfor ever\b|\bin vain\b|\b(?:is|are|was|were) gone\b|\b(?:came|comes) (?:to nothing|of it)\b|\bmeanwhile\b|\b(?:is|are|was|were|be) told\b|\btells? of\b|\btold of\b|\bturned away\b|\b(?:has|have|had) left\b|\bonce more\b|\bheard of\b|\bthe dearest\b/gi,
];

/** How many of them 1000 words may have. */
const MOST_PER_1000 = 2;

const filesIn = (...paths: string[]) =>
  execFileSync('git', ['ls-files', '--', ...paths], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n');

/** The comments of a TypeScript or JavaScript file, without code in backticks and examples. */
function commentsOf(code: string): string {
  const comments = code.match(/\/\*[\s\S]*?\*\/|(?:^|[\s;{}(,])\/\/[^\n]*/g) ?? [];
  return comments
    .map((comment) =>
      comment
        .replace(/@example[\s\S]*?(?=\n\s*\*?\s*@|$)/g, '')
        .replace(/^\s*(?:\/\*\*?|\*\/?|\/\/)/gm, '')
        .replace(/\*\/$/, '')
        .replace(/`[^`\n]*`/g, 'x')
        .trim(),
    )
    .join('\n');
}

/** A page without code, links' addresses and quotations. */
const proseOf = (markdown: string) =>
  markdown
    .replace(/```[\s\S]*?```/g, '')
    .replace(/`[^`\n]*`/g, 'x')
    .replace(/\]\([^)]*\)/g, ']');

it.each([
  ['comments of src', filesIn('src/**/*.ts'), commentsOf],
  ['comments of test', filesIn('test/**/*.ts', 'test/**/*.mjs'), commentsOf],
  ['comments of bench and examples', filesIn('bench/**/*.mjs', 'examples/**/*.mjs'), commentsOf],
  ['pages', filesIn('*.md', 'docs/*.md', 'examples/**/*.md'), proseOf],
])('%s have few phrases that are read twice', (_, files, textOf) => {
  let wordCount = 0;
  const found: string[] = [];
  for (const file of files) {
    if (join(ROOT, file) === fileURLToPath(import.meta.url)) continue;
    const text = textOf(readFileSync(join(ROOT, file), 'utf8'));
    wordCount += text.match(/[A-Za-z][A-Za-z'-]*/g)?.length ?? 0;
    for (const phrase of PHRASES) {
      for (const { 0: match, index } of text.matchAll(phrase)) {
        found.push(`${file}: ${text.slice(Math.max(0, index - 30), index + match.length + 30)}`);
      }
    }
  }
  expect(wordCount).toBeGreaterThan(1000);
  const perThousand = (1000 * found.length) / wordCount;
  expect(perThousand, found.join('\n')).toBeLessThanOrEqual(MOST_PER_1000);
});
