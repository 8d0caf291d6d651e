import { fail, nameOf } from '../errors/errors.js';
import { toPointer } from '../json/pointer.js';
import { MAX_NESTED_REFERENCES } from '../json/reference-sink.js';
import { refuseDepth } from '../json/refuse.js';
import { writeCanonical } from '../json/write.js';
import { type Trace, type WriteOptions, writeOptions } from '../json/writer.js';
import { DigestSink } from './digest-sink.js';
import type { CompiledIdentity, ReferenceCache } from './identity.js';

/** A part of a value that is not in its identity. */
export interface Excluded {
  /** JSON Pointer (RFC 6901) of the member or element. */
  readonly path: string;
  /** The `exclude` path that matched, or `undefined` if no `include` path did. */
  readonly by: string | undefined;
}

/** A large value that its identity replaces by a digest. */
export interface Referenced {
  /** JSON Pointer (RFC 6901) of the value. */
  readonly path: string;
  /** SHA-256 of the canonical form of the value, 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Observes the writer for one value. */
export interface Watcher extends Trace {
  /** Whether an `include` path has matched, or there are no `include` paths. */
  readonly hasIncluded: boolean;
  /** Must be called after the value is written. Throws if nothing was included. */
  finish(): void;
}

/** Collects the excluded and the referenced parts. */
export interface Notes {
  readonly excluded: Excluded[];
  readonly referenced: Referenced[];
}

/** Creates the watcher for one value. It writes into `notes`, if given. */
export function watch(identity: CompiledIdentity, notes?: Notes): Watcher {
  const { include, maxDepth, cache } = identity;
  let hasIncluded = include.length === 0;
  /** How many references are open, one inside the other. */
  let depth = 0;
  return {
    get hasIncluded() {
      return hasIncluded;
    },
    included() {
      hasIncluded = true;
    },
    excluded(tokens, by) {
      notes?.excluded.push({ path: toPointer(tokens), by });
    },
    reference(value, tokens, selection) {
      if (depth++ === MAX_NESTED_REFERENCES) refuseDepth(tokens, MAX_NESTED_REFERENCES, 'refs');
      const options = { ...writeOptions(maxDepth, selection, this), at: tokens };
      const sha256 = referenceDigest(value, options, cache);
      depth--;
      notes?.referenced.push({ path: toPointer(tokens), sha256 });
      return `sha256:${sha256}`;
    },
    finish() {
      if (hasIncluded) return;
      fail(
        RangeError,
        'SAMEKEY_EMPTY_IDENTITY',
        `Cannot make a key: no include path matches the value (${include.join(', ')})`,
      );
    },
  };
}

const SHA256_HEX = /^[0-9a-f]{64}$/;

function referenceDigest(
  value: unknown,
  options: WriteOptions,
  cache: ReferenceCache | undefined,
): string {
  // Only text is cached: an object may have changed since.
  const known: unknown = typeof value === 'string' ? cache?.get(value) : undefined;
  if (known !== undefined && known !== null) {
    if (typeof known === 'string' && SHA256_HEX.test(known)) return known;
    // For example a promise, which would give every value the same digest.
    fail(
      TypeError,
      'SAMEKEY_BAD_IDENTITY',
      `Cannot use refs.cache: its get gave ${nameOf(known)}, wanted 64 hexadecimal digits or undefined`,
    );
  }
  const digestHex = writeCanonical(value, options, new DigestSink(undefined, ''));
  if (typeof value === 'string') cache?.set(value, digestHex);
  return digestHex;
}
