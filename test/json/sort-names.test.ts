import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortNames } from '../../src/json/sort-names.js';
import { random } from '../runtime/random.js';
import { anyName } from './values.js';

/** Another way to the order of UTF-16 code units. */
const byCodeUnits = (a: string, b: string) => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a.charCodeAt(i) !== b.charCodeAt(i)) return a.charCodeAt(i) - b.charCodeAt(i);
  }
  return a.length - b.length;
};

function expectSorted(names: readonly string[]): void {
  const sorted = [...names];
  sortNames(sorted);
  expect(sorted).toEqual([...names].sort(byCodeUnits));
}

describe('many names', () => {
  it('are sorted by their code units', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyName, { minLength: 300, maxLength: 600, size: 'max' }),
        expectSorted,
      ),
      { numRuns: 50 },
    );
  });

  const numbers = random(7);
  const many = (name: (i: number) => string) =>
    [...new Set(Array.from({ length: 5000 }, (_, i) => name(i)))].sort(() => numbers() - 0.5);

  it.each([
    ['with a long common beginning', (i: number) => `${'x'.repeat(100)}${i}`],
    ['each the beginning of the next', (i: number) => 'a'.repeat(i % 700)],
    ['around the last character of one byte', (i: number) => `${String.fromCharCode(i % 300)}${i}`],
    ['that end with U+0000', (i: number) => `k${i >> 1}${'\0'.repeat(i & 1)}`],
    [
      'of surrogate pairs and what sorts after them',
      (i: number) => `\u{1f600}\uffff${i}`.slice(i & 1),
    ],
    ['of the largest characters', (i: number) => `${'\uffff'.repeat(1 + (i & 3))}${i}`],
  ])('%s', (_, name) => {
    const names = many(name);
    expect(names.length).toBeGreaterThan(256);
    expectSorted(names);
  });
});
