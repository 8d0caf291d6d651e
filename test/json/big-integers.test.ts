import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalize,
  canonicalizeJson,
  type IdentityOptions,
  keyOf,
  keyOfJson,
  keysOfJson,
  useEngine,
} from '../../src/index.js';
import { inModule } from './spelling.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);

const DIGITS = { bigNumbers: 'digits' } as const;
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Integers of 16 to 60 digits. */
const bigInteger = fc
  .bigInt({ min: -(10n ** 60n), max: 10n ** 60n })
  .filter((value) => value >= 10n ** 15n || value <= -(10n ** 15n))
  .map(String);

const engines = ['wasm', 'js', 'auto'] as const;

describe.each(engines)(`integers beyond 2^53, on %s, SAMEKEY_TEST_SEED=${SEED}`, (engine) => {
  const using = (act: () => void) => {
    useEngine(engine);
    try {
      act();
    } finally {
      useEngine('auto');
    }
  };

  it('are read if they are what canonicalize prints for a double', () => {
    using(() => {
      fc.assert(
        fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
          const list = [value, value * 2 ** 53, Math.trunc(value)].filter(Number.isFinite);
          const text = canonicalize(list);
          expect(textOf(canonicalizeJson(text))).toBe(text);
          expect(keyOfJson(text)).toBe(keyOf(list));
          expect(keyOfJson(text, DIGITS)).toBe(keyOf(list));
        }),
        { seed: SEED, numRuns: 500 },
      );
      for (const value of [2 ** 53, -(2 ** 63), 2 ** 64, 1e20, 123456789012345680000]) {
        expect(keyOfJson(canonicalize({ value }))).toBe(keyOf({ value }));
      }
    });
  });

  it('have one reading with the default: no two of them have one key', () => {
    using(() => {
      for (let offset = -9n; offset < 9n; offset++) {
        const text = String(2n ** 63n + offset * 1000n);
        const isPrinted = String(Number(text)) === text;
        const act = () => keyOfJson(text);
        if (isPrinted) expect(act()).toBe(keyOf(Number(text)));
        else expect(act).toThrow(expect.objectContaining({ code: 'SAMEKEY_BIG_NUMBER' }));
      }
    });
  });

  it('keep their digits with bigNumbers "digits"', () => {
    using(() => {
      fc.assert(
        fc.property(bigInteger, bigInteger, (a, b) => {
          const text = `{ "b": [${a} ,{"c":-0}], "a" : ${b}, "d": [1e2]}`;
          const canonical = `{"a":${b},"b":[${a},{"c":0}],"d":[100]}`;
          expect(textOf(canonicalizeJson(text, DIGITS))).toBe(canonical);
          expect(textOf(canonicalizeJson(canonical, DIGITS))).toBe(canonical);
          const other = `{"d":[100.0],"a":${b},"b":[${a},{"c":0}]}`;
          expect(keyOfJson(text, DIGITS)).toBe(keyOfJson(other, DIGITS));
          expect(keysOfJson([text, other], DIGITS)).toEqual([
            keyOfJson(text, DIGITS),
            keyOfJson(text, DIGITS),
          ]);
          const longer = other.replace(`"a":${b}`, `"a":${b}1`);
          expect(keyOfJson(longer, DIGITS)).not.toBe(keyOfJson(other, DIGITS));
        }),
        { seed: SEED, numRuns: 300 },
      );
    });
  });

  it('keep their digits under every kind of identity', () => {
    using(() => {
      const text = '{"seed":4944116822809979521,"x":[4944116822809979521],"n":1}';
      const cases: [IdentityOptions, string][] = [
        [{ exclude: ['n'] }, '{"seed":4944116822809979521,"x":[4944116822809979521]}'],
        [{ include: ['seed'] }, '{"seed":4944116822809979521}'],
        [{ include: ['$.x[0]'] }, '{"x":[4944116822809979521]}'],
      ];
      for (const [identity, reduced] of cases) {
        expect(keyOfJson(text, { ...DIGITS, ...identity })).toBe(keyOfJson(reduced, DIGITS));
      }
      const referring = { ...DIGITS, refs: ['seed', 'x'] };
      const other = text.replaceAll('9521', '9520');
      expect(keyOfJson(text, referring)).not.toBe(keyOfJson(other, referring));
    });
  });

  it('may have any number of digits', () => {
    using(() => {
      for (const length of [23, 24, 25, 400, 65_535, 65_536, 200_000]) {
        const text = `[${'7'.repeat(length)},"é",${'8'.repeat(length)}]`;
        expect(textOf(canonicalizeJson(text, DIGITS))).toBe(text);
      }
    });
  });
});

it('the module takes and prints what the reader in TypeScript does, in every mode', () => {
  const numbers = ['-', '', '1', '9007199254740991', '9007199254740992', '9007199254740993', '0'];
  numbers.push('000', '.0', 'e0', '9223372036854776000', '123456789012345678901234567890');
  for (const bigNumbers of ['error', 'double', 'digits'] as const) {
    for (const a of numbers) {
      for (const b of numbers) {
        const text = `[${a}${b}, 1]`;
        let expected: string | undefined;
        useEngine('js');
        try {
          expected = textOf(canonicalizeJson(text, { bigNumbers }));
        } catch {
          expected = undefined;
        } finally {
          useEngine('auto');
        }
        expect(inModule(text, { bigNumbers }), `${bigNumbers} ${text}`).toBe(expected);
      }
    }
  }
});

it('BigInt stays refused: a caller who has digits passes text', () => {
  expect(() => canonicalBytes({ a: 1n })).toThrow(/a bigint is not JSON|BigInt is not JSON/);
  expect(() => keyOf({ a: 1n }, DIGITS)).toThrow(/is not JSON/);
});
