import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findFault } from '../../src/cli/strict-json.js';
import { positionOf } from '../../src/cli/text-position.js';

const LIMITS = { maxDepth: 1000, maxValues: 1e6 };
const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON.parse and the scanner agree on what is JSON; the scanner may refuse it for its meaning. */
function expectAgreement(text: string): void {
  const fault = findFault(text, LIMITS);
  if (fault?.isRefusal) return;
  expect({ text, isJson: fault === undefined }).toEqual({ text, isJson: isJson(text) });
}

describe(`the scanner, SAMEKEY_TEST_SEED=${SEED}`, () => {
  it('accepts what JSON.stringify writes, with any white space', () => {
    const spaces = fc.constantFrom('', ' ', '\t', '\n  ', '\r\n');
    fc.assert(
      fc.property(fc.jsonValue(), spaces, (value, space) => {
        expect(findFault(space + JSON.stringify(value, null, space) + space, LIMITS)).toSatisfy(
          (fault) => fault === undefined || /beyond 2\^53-1/.test(fault.what),
        );
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  it('agrees with JSON.parse on texts made of pieces of JSON', () => {
    const pieces =
      '{ } [ ] , : " \\ \\" \\u00e9 \\u12 \\x "a" "b" "" {} [] {"a":1} 0 -0 01 - 1. .5 1.5 1e5 1e 1E+2 +1 true false null nul truee NaN é 😀 \u0001 \n \u00a0 \ufeff \' /'.split(
        ' ',
      );
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ' '), { maxLength: 12 }), (list) =>
        expectAgreement(list.join('')),
      ),
      { seed: SEED, numRuns: 20_000 },
    );
  });

  it('agrees with JSON.parse on JSON with one character changed', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.nat(),
        fc.constantFrom(...'{}[],:"\\01-.eEtfn \u0000'),
        (json, at, char) => {
          const i = at % json.length;
          expectAgreement(json.slice(0, i) + char + json.slice(i + 1));
          expectAgreement(json.slice(0, i));
        },
      ),
      { seed: SEED, numRuns: 5000 },
    );
  });

  it('finds every member that is given twice, however it is written', () => {
    const name = fc.constantFrom('a', 'b', 'é', '😀', '', '__proto__', 'toString');
    const escaped = (text: string) =>
      `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.boolean()), { maxLength: 5 }), (members) => {
        const json = `{${members.map(([each, plain]) => `${plain ? JSON.stringify(each) : escaped(each)}:0`)}}`;
        const isTwice = new Set(members.map(([each]) => each)).size < members.length;
        expect(findFault(json, LIMITS)?.isRefusal ?? false).toBe(isTwice);
      }),
      { seed: SEED, numRuns: 2000 },
    );
    expect(findFault('[{"a":1},{"a":{"a":[{"a":2}]}}]', LIMITS)).toBeUndefined();
  });

  it('finds every integer that would be rounded, and no other number', () => {
    for (const digits of [
      '9007199254740991',
      '-9007199254740991',
      '0',
      '-0',
      '1e300',
      '0.1',
      '1.5e-9',
      '9007199254740993.5',
    ]) {
      expect(findFault(digits, LIMITS)).toBeUndefined();
    }
    for (const digits of [
      '9007199254740992',
      '-9007199254740993',
      '1'.repeat(400),
      '1e309',
      '-1E+400',
      '9'.repeat(17),
    ]) {
      expect(findFault(`[1,${digits}]`, LIMITS)).toMatchObject({ isRefusal: true, offset: 3 });
    }
  });

  it('is limited in depth and number, not in its stack', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(findFault(nested(1000), LIMITS)).toBeUndefined();
    expect(findFault(nested(1001), LIMITS)).toMatchObject({ offset: 1000, isRefusal: true });
    expect(findFault(nested(1e6), { ...LIMITS, maxDepth: 1e7 })).toBeUndefined();
    expect(findFault('{"a":[1]}', { ...LIMITS, maxValues: 4 })).toBeUndefined();
    expect(findFault('{"a":[1]}', { ...LIMITS, maxValues: 3 })).toMatchObject({ isRefusal: true });
    expect(findFault(`"${'x\\n'.repeat(1e6)}"`, LIMITS)).toBeUndefined();
  });
});

describe('positionOf', () => {
  it.each([
    ['', 0, 'line 1, column 1'],
    ['ab', 1, 'line 1, column 2'],
    ['ab', 2, 'line 1, column 3'],
    ['a\nb', 1, 'line 1, column 2'],
    ['a\nb', 2, 'line 2, column 1'],
    ['a\r\n\r\nb', 5, 'line 3, column 1'],
    ['\n😀é x', 5, 'line 2, column 4'],
  ])('of %j at %i', (text, offset, expected) => {
    expect(positionOf(text, offset)).toBe(expected);
  });
});
