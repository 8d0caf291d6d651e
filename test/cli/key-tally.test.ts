import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyTally } from '../../src/cli/key-tally.js';
import { memberText } from '../../src/cli/member-text.js';
import { Sum } from '../../src/cli/sum.js';

interface Entry {
  readonly key: string;
  readonly cost: number;
}

/** A simple implementation that stores all calls. */
function reference(calls: readonly Entry[], worstCount: number) {
  const groups = new Map<string, { costs: number[]; lines: number[] }>();
  calls.forEach(({ key, cost }, i) => {
    const group = groups.get(key) ?? { costs: [], lines: [] };
    groups.set(key, group);
    group.costs.push(cost);
    group.lines.push(i + 1);
  });
  const repeats = [...groups]
    .filter(([, { lines }]) => lines.length > 1)
    .map(([key, { costs, lines }]) => ({
      key,
      times: lines.length,
      firstLine: lines[0] as number,
      lastLine: lines.at(-1) as number,
      wasted: costs.reduce((a, b) => a + b) - Math.max(...costs),
    }))
    .sort((a, b) => b.wasted - a.wasted || b.times - a.times || a.firstLine - b.firstLine);
  return {
    callCount: calls.length,
    keyCount: groups.size,
    repeatedCount: repeats.length,
    duplicateCount: calls.length - groups.size,
    notComparedCount: 0,
    cost: calls.reduce((sum, { cost }) => sum + cost, 0),
    wasted: repeats.reduce((sum, { wasted }) => sum + wasted, 0),
    worst: repeats.slice(0, worstCount),
  };
}

function tally(calls: readonly Entry[], worstCount: number) {
  const keys = new KeyTally({ maxKeys: 1e9, worstCount });
  calls.forEach(({ key, cost }, i) => {
    keys.add(key, i + 1, cost);
  });
  const { callCount, keyCount, repeatedCount, duplicateCount, notComparedCount, cost, wasted } =
    keys;
  const counts = { callCount, keyCount, repeatedCount, duplicateCount, notComparedCount };
  return { ...counts, cost, wasted, worst: keys.worst.list };
}

describe('the tally of keys', () => {
  it('returns the same as the simple implementation', () => {
    // Multiples of a quarter, whose sums are exact in any order.
    const entry = fc.record({
      key: fc.constantFrom(...'abcdefghijkl', ''),
      cost: fc.integer({ min: 0, max: 8 }).map((quarters) => quarters / 4),
    });
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 60 }),
        fc.integer({ min: 1, max: 6 }),
        (calls, n) => {
          expect(tally(calls, n)).toEqual(reference(calls, n));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('returns the same for many keys, whose repetitions are far apart', () => {
    const calls = Array.from({ length: 300_000 }, (_, i) => {
      const n = i % 3 === 2 ? (i * 7919) % 200_000 : i;
      return { key: `order-${n}`, cost: (n % 5) / 4 };
    });
    const expected = reference(calls, 50);
    expect(expected.keyCount).toBeGreaterThan(200_000);
    expect(expected.repeatedCount).toBeGreaterThan(65_536);
    expect(tally(calls, 50)).toEqual(expected);
  });
});

describe('the tally of tokens', () => {
  it('does not count the most expensive call of each key, by cost, then by tokens', () => {
    const entry = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      cost: fc.integer({ min: 0, max: 2 }),
      tokens: fc.record({ input: fc.nat(5), output: fc.nat(5) }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20 }), (calls) => {
        const tally = new KeyTally({ maxKeys: 100, worstCount: 10, hasTokens: true });
        calls.forEach(({ key, cost, tokens }, i) => {
          tally.add(key, i + 1, cost, tokens);
        });
        const wastedOf = (key: string) =>
          calls
            .filter((call) => call.key === key)
            .map(({ cost, tokens: { input, output } }) => ({ cost, total: input + output }))
            .sort((a, b) => b.cost - a.cost || b.total - a.total)
            .slice(1)
            .reduce((sum, { total }) => sum + total, 0);
        for (const { key, wastedTokens } of tally.worst.list) {
          expect((wastedTokens?.input ?? 0) + (wastedTokens?.output ?? 0)).toBe(wastedOf(key));
        }
        const wasted = ['a', 'b', 'c'].reduce((sum, key) => sum + wastedOf(key), 0);
        expect(tally.wastedTokens.input + tally.wastedTokens.output).toBe(wasted);
        const input = calls.reduce((sum, { tokens }) => sum + tokens.input, 0);
        expect(tally.tokens.input).toBe(input);
      }),
      { numRuns: 500 },
    );
  });
});

describe('a sum', () => {
  it('of ten million decimals is exact', () => {
    const sum = new Sum();
    for (let i = 0; i < 1e7; i++) sum.add(0.01);
    expect(sum.value).toBe(100_000);
  });

  it('keeps small values beside large ones, in any order', () => {
    for (const values of [
      [1e15, 1e-3, 1e-3],
      [1e-3, 1e15, 1e-3],
    ]) {
      const sum = new Sum();
      for (const value of values) sum.add(value);
      sum.add(-1e15);
      expect(sum.value).toBe(0.002);
    }
  });
});

describe('the text of a member', () => {
  it('parses to its value, in any text', () => {
    const name = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('a', '"', '\\', '\\"'));
    const object = fc.dictionary(name, fc.jsonValue({ maxDepth: 3 }), { minKeys: 1, maxKeys: 5 });
    const nested = fc.tuple(
      object,
      fc.constantFrom('x', 'a', '\\"'),
      fc.constantFrom('', ' ', '\t'),
    );
    fc.assert(
      fc.property(nested, ([inner, outerName, space]) => {
        const text = JSON.stringify({ first: '}', [outerName]: inner, last: '{' }, null, space);
        for (const [innerName, value] of Object.entries(inner)) {
          const found = memberText(text, [outerName, innerName]);
          expect(JSON.stringify(JSON.parse(found))).toBe(JSON.stringify(value));
          expect(found).toBe(found.trim());
        }
        expect(memberText(` ${text}\r`, [])).toBe(text);
      }),
    );
  });

  it.each([
    ['{"a":1e400}', ['a'], '1e400'],
    ['{ "a" : -0.0 , "b":1}', ['a'], '-0.0'],
    ['{"a":1,"a":{"b":[2]},"c":3}', ['a'], '{"b":[2]}'],
    ['{"b":"a","a":"}\\\\\\""}', ['a'], '"}\\\\\\""'],
    ['{"\\u0061":[[],"]"]}', ['a'], '[[],"]"]'],
  ])('of %j at %j', (text, names, member) => {
    expect(memberText(text, names)).toBe(member);
  });
});
