import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalizeJson,
  keyOf,
  keyOfJson,
  type SamekeyError,
  type SamekeyErrorCode,
} from '../../src/index.js';
import { deep } from '../depth.js';
import { CANONICALIZERS, onEach } from '../engine/engines.js';
import { expectThrown, thrownBy } from '../errors/thrown.js';
import { growth, LINEAR_BOUND } from '../runtime/growth.js';
import { random } from '../runtime/random.js';
import { type ContentRule, contentForms, loadVectors, type Named } from '../vectors/vectors.js';
import { referenceJson } from './reference-json.js';
import { strictReading } from './strict-reading.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

interface Refused extends Named {
  readonly code: SamekeyErrorCode;
  readonly position: number;
  readonly line: number;
  readonly column: number;
  readonly path?: string;
  readonly maxDepth?: number;
  readonly bigNumbers?: 'error' | 'double' | 'digits';
}
const vectors = loadVectors<Refused & ContentRule>('json-text.json').filter(
  (vector) => 'code' in vector,
);

/** Of the 256 values that each byte is changed to, one in so many is tried. */
const BYTE_STEP = deep(8, 1);
const RUNS = deep(2000, 10_000);
/** A smaller input shows the same growth. */
const SHRINK = deep(4, 1);

/** Everything there is in JSON, close together. */
const CORPUS = new TextEncoder().encode(
  '{"a":[0,-1.5e+3,10,true],"é":"\\"\\\\\\/\\n\\u00e9\\ud83e\\uddf3","\\u0061b":{"a":null,"b":false,"":{}},"東🧳":[[],""," x~\u007f"],\n\t"n":9007199254740991,"ab ":1E2}',
);

/**
 * Checks that bytes with exactly one meaning as JSON are accepted with it, and all others are
 * rejected.
 */
function expectStrictness(bytes: Uint8Array): void {
  const reading = strictReading(bytes);
  let got: string | undefined;
  let code: string | undefined;
  try {
    got = Buffer.from(canonicalizeJson(bytes)).toString();
  } catch (error) {
    code = (error as SamekeyError).code;
    if (code === undefined) throw error;
  }
  const expected = reading && referenceJson(reading.value);
  if (got !== expected) {
    const input = Buffer.from(bytes).toString('latin1');
    expect({ input, got, code }).toEqual({ input, got: expected, code: expect.anything() });
  }
}

function expectStillWorks(): void {
  expect(keyOfJson('{"b":"\\u0041","a":[1]}')).toBe(keyOf({ a: [1], b: 'A' }));
}

onEach(CANONICALIZERS, () => {
  it.each(vectors)('refuses $name', ({ code, position, line, column, path, ...vector }) => {
    const { maxDepth = 1000, bigNumbers = 'error' } = vector;
    const Class = code === 'SAMEKEY_BAD_JSON' ? SyntaxError : RangeError;
    for (const content of contentForms(vector)) {
      for (const read of [canonicalizeJson, keyOfJson]) {
        const act = () => read(content, { maxDepth, bigNumbers });
        const at = `Cannot read the JSON text at line ${line}, column ${column} (byte ${position}): `;
        expectThrown(act, Class, { code, position, ...(path === undefined ? {} : { path }) });
        expect(thrownBy(act)).toMatchObject({ line, column, message: expect.stringContaining(at) });
      }
    }
  });

  it.each([
    ['[1,]', 'at line 1, column 4 (byte 3): found "]", wanted a value'],
    ['{"a":1,\n}', 'at line 2, column 1 (byte 8): found "}", wanted a name in double quotes'],
    ['{"a" 1}', 'at line 1, column 6 (byte 5): found "1", wanted ":"'],
    ['["a""b"]', `at line 1, column 5 (byte 4): found '"', wanted "," or "]"`],
    ['[\u00a0]', 'at line 1, column 2 (byte 1): found U+00a0, wanted a value'],
    ['[-x]', 'at line 1, column 2 (byte 1): found "-x", wanted a value'],
    ['[1.]', 'at line 1, column 3 (byte 2): found ".", wanted "," or "]"'],
    ['[1', 'at line 1, column 3 (byte 2): found the end, wanted "," or "]"'],
    ['1 2', 'at line 1, column 3 (byte 2): found "2", wanted the end'],
    ['"a', `at line 1, column 3 (byte 2): found the end, wanted '"'`],
    ['"\n"', 'at line 1, column 2 (byte 1): found U+000a, wanted an escape'],
    [
      '"\\ud800"',
      'at line 1, column 2 (byte 1): found "\\ud800", wanted an escape, surrogates in pairs',
    ],
    ['{"a":1,"a":2}', 'at line 1, column 8 (byte 7): found the name "a" again, wanted it once'],
    [
      '[9007199254740993]',
      'at line 1, column 2 (byte 1): found "9007199254740993", wanted at most 2^53 - 1, or bigNumbers "digits" or "double"',
    ],
    ['1e400', 'at line 1, column 1 (byte 0): found "1e400", wanted a finite double'],
    [
      '['.repeat(1001),
      'at line 1, column 1001 (byte 1000): found "[", wanted at most the 1000 levels of maxDepth',
    ],
  ])('says what is wrong with %j', (text, message) => {
    expect(thrownBy(() => canonicalizeJson(text))).toMatchObject({
      message: `Cannot read the JSON text ${message}`,
    });
  });

  it('shortens long text', () => {
    for (const text of ['1'.repeat(1e6), `{"${'a'.repeat(1e6)}":1,"${'a'.repeat(1e6)}":1}`]) {
      expect((thrownBy(() => keyOfJson(text)) as Error).message.length).toBeLessThan(250);
    }
  });

  it('rejects text with a lone surrogate, and values other than text and bytes', () => {
    const code = 'SAMEKEY_LONE_SURROGATE';
    expectThrown(() => keyOfJson('["\ud800"]'), TypeError, { code, message: /at index 2/ });
    expectThrown(() => canonicalizeJson('["\udc00"]'), TypeError, { code });
    for (const input of [undefined, null, 1, {}, [1], new Map()]) {
      const wrong = { code: 'SAMEKEY_BAD_ARGUMENT' } as const;
      expectThrown(() => keyOfJson(input as never), TypeError, wrong);
      expectThrown(() => canonicalizeJson(input as never), TypeError, wrong);
    }
  });

  it('is strict where the identity leaves out, too', () => {
    const identity = { include: ['a'], exclude: ['b'] };
    for (const [text, code] of [
      ['{"a":1,"b":[01]}', 'SAMEKEY_BAD_JSON'],
      ['{"a":1,"c":{"d":1,"d":1}}', 'SAMEKEY_BAD_JSON'],
      ['{"a":1,"b":"\\ud800"}', 'SAMEKEY_BAD_JSON'],
      ['{"a":1,"b":9007199254740993}', 'SAMEKEY_BIG_NUMBER'],
      [`{"a":1,"b":${'['.repeat(1000)}${']'.repeat(1000)}}`, 'SAMEKEY_TOO_DEEP'],
      ['{"b":1}', 'SAMEKEY_EMPTY_IDENTITY'],
    ]) {
      expect(thrownBy(() => keyOfJson(text as string, identity))).toMatchObject({ code });
    }
  });

  it('refuses a document that is cut off, wherever', () => {
    expectStrictness(CORPUS);
    expect(strictReading(CORPUS)).toBeDefined();
    for (let length = 0; length < CORPUS.length; length++) {
      const error = thrownBy(() => canonicalizeJson(CORPUS.subarray(0, length))) as SamekeyError;
      expect(error).toMatchObject({ name: 'SyntaxError', code: 'SAMEKEY_BAD_JSON' });
      expect(error.position).toBeLessThanOrEqual(length);
      // The error points to the cut, or to the start of the escaped pair that the cut divides.
      expect(error.position).toBeGreaterThan(length - 13);
    }
    expectStillWorks();
  });

  it(`takes or refuses a document with any byte changed to any other: one in ${BYTE_STEP}`, () => {
    for (let at = 0; at < CORPUS.length; at++) {
      const bytes = CORPUS.slice();
      for (let byte = at % BYTE_STEP; byte < 256; byte += BYTE_STEP) {
        bytes[at] = byte;
        expectStrictness(bytes);
      }
    }
    expectStillWorks();
  });

  it('takes or refuses a document with bytes put in or taken out', () => {
    for (let at = 0; at <= CORPUS.length; at++) {
      const [before, after] = [CORPUS.subarray(0, at), CORPUS.subarray(at)];
      for (const byte of Buffer.from('{}[],:"\\01-.eEu \n\0a\x80\xc3\xed\xff', 'latin1')) {
        expectStrictness(Buffer.concat([before, Buffer.of(byte), after]));
      }
      for (const count of [1, 2, 7]) {
        expectStrictness(Buffer.concat([before, after.subarray(count)]));
      }
    }
    expectStillWorks();
  });

  it(`takes or refuses random bytes and random JSON, ${RUNS} times, SAMEKEY_TEST_SEED=${SEED}`, () => {
    const pieces =
      '{ } [ ] , : " \\ \\" \\u00e9 \\ud83e \\uddf3 \\u12 \\x "a" "b" "\\u0061" "" {} [] {"a":1} ,"a":1 0 -0 01 - 1. .5 1.5 1e5 1e 1E+2 +1 1e400 9007199254740993 true false null nul truee NaN é 😀 \u0001 \n \u00a0 \ufeff \' /'.split(
        ' ',
      );
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces, ' '), { maxLength: 12 }), (list) => {
        expectStrictness(Buffer.from(list.join('')));
      }),
      { seed: SEED, numRuns: RUNS },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expectStrictness(bytes);
        expectStrictness(Buffer.concat([Buffer.from('["'), bytes, Buffer.from('"]')]));
      }),
      { seed: SEED, numRuns: Math.ceil(RUNS * 0.3) },
    );
    expectStillWorks();
  });
});

describe('options', () => {
  it('are checked', () => {
    const code = 'SAMEKEY_BAD_ARGUMENT';
    for (const read of [canonicalizeJson, keyOfJson]) {
      const using = (options: object) => () => read('1', options as never);
      expectThrown(using({ bigNumbers: 'round' }), RangeError, { code, message: /"round"/ });
      expectThrown(using({ bigNumbers: true }), TypeError, { code, message: /a boolean/ });
      expectThrown(using({ maxDepth: 0 }), RangeError, { code });
      expectThrown(using({ bigNumber: 'double' }), TypeError, { code, message: /"bigNumber"/ });
      expectThrown(using([]), TypeError, { code });
    }
    expectThrown(() => keyOf(1, { bigNumbers: 1 as never }), TypeError, { code });
  });

  it('bigNumbers plays no part where there is no text', () => {
    expect(keyOf(2 ** 53, { bigNumbers: 'error' })).toBe(keyOf(2 ** 53));
  });
});

/** Reads a JSON text, or refuses it with a code. */
function readOrRefuse(bytes: Uint8Array): void {
  try {
    canonicalizeJson(bytes);
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^SAMEKEY_/) });
  }
}

const PREFIX = 'the-same-long-prefix-'.repeat(5);
const next = random(5);

onEach(CANONICALIZERS, () => {
  it.each<[string, number, (count: number) => string]>([
    ['opened arrays', 1_250_000, (count) => '['.repeat(count)],
    ['opened objects', 200_000, (count) => '{"a":'.repeat(count)],
    ['quotes', 1_250_000, (count) => '"'.repeat(count)],
    ['a string without an end', 1_250_000, (count) => `"${'a'.repeat(count)}`],
    ['a string of backslashes', 1_250_000, (count) => `"${'\\'.repeat(count)}`],
    ['a string of short escapes', 600_000, (count) => `"${'\\n'.repeat(count)}"`],
    ['a string of pairs as escapes', 100_000, (count) => `"${'\\ud83e\\uddf3'.repeat(count)}"`],
    ['white space', 1_250_000, (count) => ' '.repeat(count)],
    ['lines before an error', 1_250_000, (count) => `${'\n'.repeat(count)}x`],
    ['digits', 200_000, (count) => '9'.repeat(count)],
    ['digits of a fraction', 200_000, (count) => `0.${'1'.repeat(count)}`],
    ['digits of an exponent', 200_000, (count) => `1e${'1'.repeat(count)}`],
    ['zeros before an exponent', 200_000, (count) => `0.${'0'.repeat(count)}1e${count}`],
    ['elements', 100_000, (count) => `[${'0,'.repeat(count)}0]`],
    ['small objects', 30_000, (count) => `[${'{"b":1,"a":2},'.repeat(count)}0]`],
    [
      'members with a long prefix in common, in no order',
      6000,
      (count) =>
        `{${Array.from({ length: count }, (_, i) => [next(), `"${PREFIX}${i}":0`] as const)
          .sort(([a], [b]) => a - b)
          .map(([, member]) => member)
          .join()}}`,
    ],
    [
      'members in falling order, the first one twice',
      20_000,
      (count) =>
        `{${Array.from({ length: count }, (_, i) => `"${1e7 + count - i}":0`).join()},"${1e7 + count}":0}`,
    ],
  ])('takes eight times as long, not 64 times, for eight times as many: %s', (_, count, make) => {
    expect(growth(make, Math.ceil(count / SHRINK), readOrRefuse)).toBeLessThan(LINEAR_BOUND);
  });
});
