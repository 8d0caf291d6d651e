import { describe, expect, it } from 'vitest';
import { random } from '../runtime/random.js';
import { inModule } from './spelling.js';

/** Many members are sorted by eight bytes of their names at a time, few by comparing the names. */
describe('many members', () => {
  const object = (names: readonly string[]) =>
    `{${names.map((name) => `${JSON.stringify(name)}:0`).join()}}`;
  const kinds: [string, (next: () => number, i: number) => string][] = [
    ['words', (next, i) => `${['alphabet', 'alpha', 'b'][i % 3]}_${Math.floor(next() * 1e9)}`],
    ['prefixes of each other', (_, i) => 'a'.repeat(i)],
    ['the same beginnings', (_, i) => `${'x'.repeat((i % 40) * 8)}${i}`],
    ['bytes beyond ASCII', (next) => `é東${'éà東'[Math.floor(next() * 3)]}${next()}`],
    ['some escapes', (next, i) => `${i % 50 ? 'b' : '\n'}${next()}`],
    ['some escapes late', (next, i) => `same beginning ${i % 50 ? 'b' : '\n'}${next()}`],
    ['characters from U+E000 on', (next, i) => `${i % 2 ? '\ue000' : '🧳'}${next()}`],
    ['digits', (_, i) => String(i)],
  ];

  it.each(kinds)('are sorted and different: %s', (_, make) => {
    for (const count of [2, 16, 17, 60, 127, 128, 129, 400, 3000]) {
      const next = random(count);
      const all = Array.from({ length: count }, (_, i) => make(next, i));
      const names = [...new Set(all)].sort(() => next() - 0.5);
      const sorted = object([...names].sort());
      expect(inModule(object(names)) === sorted).toBe(true);
      expect(inModule(object([...names].sort().reverse())) === sorted).toBe(true);
      for (let i = 0; i < 5; i++) {
        const twin = names[Math.floor(next() * names.length)] as string;
        const twice = names.toSpliced(Math.floor(next() * (names.length + 1)), 0, twin);
        expect(inModule(object(twice))).toBeUndefined();
      }
    }
  });
});
