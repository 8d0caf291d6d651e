/**
 * Checks the library against each file in `test/vectors`: yields pairs of the result and the expected value.
 * All of it is synchronous, because some runtimes allow no waiting at the top level of a module.
 */
import { bytesOfHex, contentBytes, contentForms, hexOf } from './content.mjs';

/** @typedef {typeof import('../../../dist/index.js')} Samekey */
/** @typedef {[given: unknown, wanted: unknown]} Pair */
/** @typedef {(samekey: Samekey, vector: any, engine: string) => Iterable<Pair>} Check */

const utf8 = new TextEncoder();
const textOf = (/** @type {Uint8Array} */ bytes) =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Returns the `code` of the error that `act` throws, and the listed members of it. */
function thrownBy(/** @type {() => unknown} */ act, /** @type {string[]} */ ...members) {
  try {
    return act();
  } catch (/** @type {any} */ error) {
    return JSON.stringify([error.code, ...members.map((member) => error[member])]);
  }
}

/** @type {Record<string, Record<string, Check>>} by file, then by the list in it */
export const CHECKS = {
  'sha256.json': {
    *vectors({ sha256, sha256Hex, createSha256 }, { content, digest }) {
      for (const form of contentForms(content)) {
        yield [hexOf(sha256(form)), digest];
        yield [hexOf(createSha256().update(form).digest()), digest];
        yield [sha256Hex(form), `ik_${digest}`];
        yield [sha256Hex(form, { bits: 128 }), `ik_${digest.slice(0, 32)}`];
      }
    },
    *everyLength({ createSha256, sha256, sha256Batch }, { until, digest }) {
      const contents = Array.from({ length: until + 1 }, (_, n) => contentBytes({ pattern: n }));
      const ofAll = (/** @type {Uint8Array[]} */ digests) =>
        hexOf(sha256(bytesOfHex(digests.map(hexOf).join(''))));
      yield [ofAll(contents.map((content) => sha256(content))), digest];
      const inTwo = (/** @type {Uint8Array} */ content) =>
        createSha256().update(content.subarray(0, 100)).update(content.subarray(100)).digest();
      yield [ofAll(contents.map(inTwo)), digest];
      // Digested four at a time. Neighbours have different numbers of blocks.
      const order = contents.map((_, i) => (100 * i) % contents.length);
      const batch = sha256Batch(order.map((n) => contents[n] ?? ''));
      yield [ofAll(contents.map((_, n) => batch[order.indexOf(n)] ?? new Uint8Array())), digest];
    },
  },
  'sha1.json': {
    *vectors({ sha1 }, { content, digest }) {
      for (const form of contentForms(content)) yield [hexOf(sha1(form)), digest];
    },
  },
  'hmac-sha256.json': {
    *vectors({ sha256Hex }, { key, content, bits, mac }) {
      for (const secret of contentForms(key)) {
        for (const form of contentForms(content)) {
          yield [sha256Hex(form, { secret, bits }), `ik_${mac}`];
        }
      }
    },
  },
  'uuidv5.json': {
    *vectors({ uuidv5 }, { namespace, content, uuid }) {
      for (const form of contentForms(content)) yield [uuidv5(namespace, form), uuid];
    },
  },
  'keys.json': {
    *vectors({ sha256Hex, scoped, keyOf, keyOfJson, explain }, vector) {
      const { key, content, json, canonical } = vector;
      const { scope = [], ...format } = formatOf(vector);
      if (content !== undefined) {
        for (const form of contentForms(content)) {
          yield [scope.length === 0 ? sha256Hex(form, format) : scoped(scope, form, format), key];
        }
      }
      if (json !== undefined) {
        const identity = identityOf(vector);
        yield [keyOf(JSON.parse(json), identity), key];
        yield [keyOfJson(json, identity), key];
        yield [explain(JSON.parse(json), identity).canonical, canonical];
      }
    },
  },
  'identity-paths.json': {
    *vectors({ keyOf, keyOfJson, explain }, { json, include, exclude, canonical, key }) {
      const identity = { ...(include && { include }), ...(exclude && { exclude }) };
      const value = JSON.parse(json);
      yield [keyOf(value, identity), key];
      yield [keyOfJson(json, identity), key];
      yield [explain(value, identity).canonical, canonical];
    },
  },
  'canonical-json.json': {
    *vectors({ canonicalize, canonicalBytes, keyOf, sha256Hex }, { json, canonical }) {
      const value = JSON.parse(json);
      yield [canonicalize(value), canonical];
      yield [hexOf(canonicalBytes(value)), hexOf(utf8.encode(canonical))];
      yield [keyOf(value), sha256Hex(canonical)];
    },
    *numbers({ canonicalize }, { ieee754, expected }) {
      const number = new DataView(bytesOfHex(ieee754).buffer).getFloat64(0);
      const many = new Array(9).fill(number);
      const refused = (/** @type {string} */ path) => `["SAMEKEY_NOT_FINITE","${path}"]`;
      yield [thrownBy(() => canonicalize(number), 'path'), expected ?? refused('')];
      // Long arrays of numbers have their own code path.
      yield [
        thrownBy(() => canonicalize(many), 'path'),
        expected === null ? refused('/0') : `[${many.map(() => expected).join(',')}]`,
      ];
    },
    *refused({ canonicalize, keyOf, keyOfJson }, { json, shows, reason }) {
      if (shows === 'value') {
        const code = reason === 'lone surrogate' ? 'SAMEKEY_LONE_SURROGATE' : 'SAMEKEY_NOT_FINITE';
        yield [thrownBy(() => canonicalize(JSON.parse(json))), `["${code}"]`];
        yield [thrownBy(() => keyOf(JSON.parse(json))), `["${code}"]`];
      }
      yield [String(thrownBy(() => keyOfJson(json))).startsWith('["SAMEKEY_'), true];
    },
  },
  'json-text.json': {
    *vectors({ canonicalizeJson, keyOfJson, sha256Hex }, vector) {
      const { canonical, code, position, line, column, maxDepth, bigNumbers } = vector;
      const options = { maxDepth: maxDepth ?? 1000, bigNumbers: bigNumbers ?? 'error' };
      for (const form of contentForms(vector)) {
        const text = () => textOf(canonicalizeJson(form, options));
        const key = () => keyOfJson(form, options);
        if (canonical !== undefined) {
          yield [text(), canonical];
          yield [key(), sha256Hex(canonical)];
        } else {
          const refused = JSON.stringify([code, position, line, column]);
          yield [thrownBy(text, 'position', 'line', 'column'), refused];
          yield [thrownBy(key, 'position', 'line', 'column'), refused];
        }
      }
    },
  },
  'sha256-state.json': {
    *vectors({ createSha256 }, { content, append, state, digest }, engine) {
      const before = createSha256().update(contentBytes(content));
      // `node:crypto` does not export its state, so samekey refuses.
      if (engine === 'native') {
        yield [thrownBy(() => before.save()), '["SAMEKEY_NO_MIDSTATE"]'];
      } else {
        const saved = before.save();
        yield [hexOf(saved), state];
        const resumed = createSha256().restore(saved).update(contentBytes(append));
        yield [hexOf(resumed.digest()), digest];
      }
    },
  },
  'sha256-long.json': {
    *vectors({ createSha256 }, { midstate, append, digest }, engine) {
      const resume = () => createSha256().restore(bytesOfHex(midstate));
      if (engine === 'native') {
        yield [thrownBy(resume), '["SAMEKEY_NO_MIDSTATE"]'];
      } else {
        yield [hexOf(resume().save()), midstate];
        yield [hexOf(resume().update(contentBytes(append)).digest()), digest];
      }
    },
  },
  'sha-monte-carlo.json': {
    // NIST SHAVS §6.4: each checkpoint is the result of a thousand digests, each of the last three
    // digests. It is the next seed.
    *vectors({ sha1, sha256 }, { algorithm, seed, checkpoints }) {
      const digest = algorithm === 'SHA-256' ? sha256 : sha1;
      let last = bytesOfHex(seed);
      const { length } = last;
      const three = new Uint8Array(3 * length);
      for (const checkpoint of checkpoints) {
        for (let i = 0; i < 3; i++) three.set(last, i * length);
        for (let i = 0; i < 1000; i++) {
          last = digest(three);
          three.copyWithin(0, length);
          three.set(last, 2 * length);
        }
        yield [hexOf(last), checkpoint];
      }
    },
  },
};

/** @param {any} vector of keys.json */
export function formatOf({ bits, secret, scopes, windowScope }) {
  const scope = windowScope === undefined ? scopes : [...scopes, windowScope];
  return {
    bits,
    ...(secret !== undefined && { secret: contentBytes(secret) }),
    ...(scope.length > 0 && { scope }),
  };
}

/** @param {any} vector of keys.json */
function identityOf({ bits, secret, scopes, refs, window }) {
  return {
    bits,
    ...(secret !== undefined && { secret: contentBytes(secret) }),
    ...(scopes.length > 0 && { scope: scopes }),
    ...(refs !== undefined && { refs }),
    ...(window !== undefined && {
      window: { lengthMs: window.lengthMs, clock: () => window.nowMs },
    }),
  };
}
