import { describe, expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalize,
  createSha256,
  explain,
  keyOf,
  keyOfJson,
  keyOfStream,
  scoped,
  sha1,
  sha256,
  sha256Batch,
  sha256Hex,
  uuidv5,
} from '../../src/index.js';
import { ENGINES, onEach, WITH_MIDSTATES } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import {
  type ContentRule,
  contentBytes,
  contentForms,
  hexOf,
  loadVectors,
  type Named,
  pattern,
} from './vectors.js';

interface DigestVector extends Named {
  readonly content: ContentRule;
  readonly digest: string;
}
interface EveryLengthVector extends Named {
  readonly until: number;
  readonly digest: string;
}
interface StateVector extends DigestVector {
  readonly append: ContentRule;
  readonly state: string;
}
interface LongVector extends Named {
  readonly midstate: string;
  readonly append: ContentRule;
  readonly digest: string;
}
interface HmacVector extends Named {
  readonly key: ContentRule;
  readonly content: ContentRule;
  readonly bits: 256 | 128;
  readonly mac: string;
}
interface UuidVector extends Named {
  readonly namespace: string;
  readonly content: ContentRule;
  readonly uuid: string;
}
interface KeyVector extends Named {
  readonly scopes: readonly string[];
  readonly bits: 256 | 128;
  readonly key: string;
  readonly secret?: ContentRule;
  readonly content?: ContentRule;
  readonly json?: string;
  readonly canonical?: string;
  readonly refs?: readonly string[];
  readonly window?: { readonly lengthMs: number; readonly nowMs: number };
  readonly windowScope?: string;
}

interface IdentityVector extends Named {
  readonly json: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly canonical: string;
  readonly key: string;
}

function formatOf({ bits, secret }: KeyVector) {
  return secret === undefined ? { bits } : { bits, secret: contentBytes(secret) };
}

function identityOf(vector: KeyVector) {
  const { scopes, refs, window } = vector;
  return {
    ...formatOf(vector),
    ...(scopes.length > 0 && { scope: scopes }),
    ...(refs !== undefined && { refs }),
    ...(window !== undefined && {
      window: { lengthMs: window.lengthMs, clock: () => window.nowMs },
    }),
  };
}

const keyVectors = loadVectors<KeyVector>('keys.json');

onEach(ENGINES, () => {
  describe('sha256.json', () => {
    it.each(loadVectors<DigestVector>('sha256.json'))('$name', ({ content, digest }) => {
      for (const form of contentForms(content)) {
        expect(hexOf(sha256(form))).toBe(digest);
        expect(hexOf(createSha256().update(form).digest())).toBe(digest);
        expect(sha256Hex(form)).toBe(`ik_${digest}`);
        expect(sha256Hex(form, { bits: 128 })).toBe(`ik_${digest.slice(0, 32)}`);
      }
    });
  });

  it.each(loadVectors<EveryLengthVector>('sha256.json', 'everyLength'))(
    'sha256.json, $name',
    ({ until, digest }) => {
      const contents = Array.from({ length: until + 1 }, (_, length) => pattern(length));
      expect(hexOf(sha256(Buffer.concat(contents.map((content) => sha256(content)))))).toBe(digest);
      expect(hexOf(sha256(Buffer.concat(sha256Batch(contents))))).toBe(digest);
    },
  );

  describe('sha1.json', () => {
    it.each(loadVectors<DigestVector>('sha1.json'))('$name', ({ content, digest }) => {
      for (const form of contentForms(content)) expect(hexOf(sha1(form))).toBe(digest);
    });
  });

  describe('hmac-sha256.json', () => {
    it.each(loadVectors<HmacVector>('hmac-sha256.json'))(
      '$name',
      async ({ key, content, bits, mac }) => {
        for (const secret of contentForms(key)) {
          for (const form of contentForms(content)) {
            expect(sha256Hex(form, { secret, bits })).toBe(`ik_${mac}`);
          }
          const stream = new Blob([contentBytes(content) as Uint8Array<ArrayBuffer>]);
          expect(await keyOfStream(stream, { secret, bits })).toBe(`ik_${mac}`);
        }
      },
    );
  });

  describe('uuidv5.json', () => {
    it.each(loadVectors<UuidVector>('uuidv5.json'))('$name', ({ namespace, content, uuid }) => {
      for (const form of contentForms(content)) {
        expect(uuidv5(namespace, form)).toBe(uuid);
        expect(uuidv5(namespace.toUpperCase(), form)).toBe(uuid);
      }
    });
  });

  describe('keys.json, content', () => {
    it.each(keyVectors.filter(({ content }) => content !== undefined))('$name', async (vector) => {
      const { scopes, content, windowScope, key } = vector;
      const scope = windowScope === undefined ? scopes : [...scopes, windowScope];
      const format = formatOf(vector);
      for (const form of contentForms(content as ContentRule)) {
        if (scope.length === 0) expect(sha256Hex(form, format)).toBe(key);
        else expect(scoped(scope, form, format)).toBe(key);
        const options = scope.length === 0 ? format : { ...format, scope };
        expect(await keyOfStream([form], options)).toBe(key);
      }
    });
  });

  describe('keys.json, JSON', () => {
    it.each(keyVectors.filter(({ json }) => json !== undefined))('$name', (vector) => {
      const { scopes, json, canonical, windowScope, key } = vector;
      const value = JSON.parse(json as string);
      const identity = identityOf(vector);
      expect(keyOf(value, identity)).toBe(key);
      const explained = explain(value, identity);
      expect(explained.key).toBe(key);
      expect(explained.canonical).toBe(canonical);
      expect(explained.scopes).toEqual([...scopes, ...(windowScope ? [windowScope] : [])]);
    });
  });

  describe('identity-paths.json', () => {
    it.each(loadVectors<IdentityVector>('identity-paths.json'))('$name', (vector) => {
      const { json, include, exclude, canonical, key } = vector;
      const identity = { ...(include && { include }), ...(exclude && { exclude }) };
      const value = JSON.parse(json);
      expect(explain(value, identity)).toMatchObject({ canonical, key });
      expect(keyOf(value, identity)).toBe(key);
      expect(keyOfJson(json, identity)).toBe(key);
    });
  });

  describe('canonical-json.json', () => {
    it.each(loadVectors<Named & { json: string; canonical: string }>('canonical-json.json'))(
      '$name',
      ({ json, canonical }) => {
        const value = JSON.parse(json);
        expect(canonicalize(value)).toBe(canonical);
        expect(canonicalize(JSON.parse(canonical))).toBe(canonical);
        expect(hexOf(canonicalBytes(value))).toBe(Buffer.from(canonical).toString('hex'));
        expect(keyOf(value)).toBe(sha256Hex(canonical));
      },
    );
    it.each(
      loadVectors<Named & { ieee754: string; expected: string | null }>(
        'canonical-json.json',
        'numbers',
      ),
    )('the number $name', ({ ieee754, expected }) => {
      const number = Buffer.from(ieee754, 'hex').readDoubleBE();
      const many = new Array(9).fill(number);
      if (expected === null) {
        const refused = { code: 'SAMEKEY_NOT_FINITE' } as const;
        expectThrown(() => canonicalize(number), RangeError, { ...refused, path: '' });
        expectThrown(() => canonicalize({ n: number }), RangeError, { ...refused, path: '/n' });
        expectThrown(() => canonicalize([1, 2, 3, 4, 5, 6, 7, 8, number]), RangeError, {
          ...refused,
          path: '/8',
        });
      } else {
        expect(canonicalize(number)).toBe(expected);
        expect(canonicalize([number])).toBe(`[${expected}]`);
        expect(canonicalize({ n: number })).toBe(`{"n":${expected}}`);
        // Long arrays of numbers are written by another function.
        expect(canonicalize(many)).toBe(`[${many.map(() => expected).join(',')}]`);
      }
    });
    // Properties of the text only matter to readers of raw JSON.
    const refused = loadVectors<Named & { json: string; shows: string; reason: string }>(
      'canonical-json.json',
      'refused',
    ).filter(({ shows }) => shows === 'value');
    it.each(refused)('refuses $name', ({ json, reason }) => {
      const [Class, code] =
        reason === 'lone surrogate'
          ? ([TypeError, 'SAMEKEY_LONE_SURROGATE'] as const)
          : ([RangeError, 'SAMEKEY_NOT_FINITE'] as const);
      const value = JSON.parse(json);
      for (const act of [canonicalize, canonicalBytes, keyOf]) {
        expectThrown(() => act(value), Class, { code });
      }
    });
  });
});

// `node:crypto` cannot save its state; sha256-hasher.test.ts checks the error.
onEach(WITH_MIDSTATES, () => {
  describe('saved states', () => {
    it.each(loadVectors<StateVector>('sha256-state.json'))(
      '$name',
      ({ content, append, state, digest }) => {
        const saved = createSha256().update(contentBytes(content)).save();
        expect(hexOf(saved)).toBe(state);
        const resumed = createSha256().restore(saved).update(contentBytes(append));
        expect(hexOf(resumed.digest())).toBe(digest);
      },
    );
    it.each(loadVectors<LongVector>('sha256-long.json'))(
      '$name',
      ({ midstate, append, digest }) => {
        const hasher = createSha256().restore(contentBytes({ hex: midstate }));
        expect(hexOf(hasher.save())).toBe(midstate);
        expect(hexOf(hasher.update(contentBytes(append)).digest())).toBe(digest);
      },
    );
  });
});
