import { type CanonicalSink, writeCanonical } from '../json/write.js';
import { writeOptions } from '../json/writer.js';
import { DigestSink } from './digest-sink.js';
import { type CompiledIdentity, compileIdentity, type IdentityLike } from './identity.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { watch } from './watch.js';

/**
 * Returns the key of a JSON value: `ik_` and the SHA-256 of its canonical form (RFC 8785). The
 * order of members does not matter. Everything is included unless the identity excludes it.
 *
 * @throws {TypeError} and {RangeError} as `canonicalize` for a value that is not JSON, and as
 * `defineIdentity` for an identity passed as a plain object.
 * @throws {RangeError} `SAMEKEY_EMPTY_IDENTITY` if no `include` path matches.
 * @example
 * keyOf({ a: 1, b: 2 }) === keyOf({ b: 2, a: 1 }); // true
 * keyOf({ a: 1, trace_id: 'x' }, { exclude: ['trace_id'] }) === keyOf({ a: 1 }); // true
 */
export function keyOf(value: unknown, identity?: IdentityLike): Key {
  const compiled = compileIdentity(identity);
  return toKey(digestText(value, compiled), compiled.format.bits);
}

/**
 * Returns the key of a JSON value in 35 characters, which is valid as `custom_id` of batch APIs
 * (`^[a-zA-Z0-9_-]{1,64}$`). It is `keyOf` with `bits: 128`, and throws the same errors.
 *
 * @example
 * customId({ a: 1 }).length; // 35
 */
export function customId(value: unknown, identity?: IdentityLike): Key {
  return toKey(digestText(value, compileIdentity(identity)), 128);
}

/** Returns the prefix and all 64 digits. */
function digestText(value: unknown, identity: CompiledIdentity): string {
  return writeFrame(value, identity, new DigestSink(identity.format.hmac, KEY_PREFIX));
}

/** Writes the frame of a value into a sink. */
export function writeFrame<T>(
  value: unknown,
  identity: CompiledIdentity,
  sink: CanonicalSink<T>,
): T {
  if (identity.selection === undefined)
    return writeCanonical(value, writeOptions(identity.maxDepth), sink, identity.prefix());
  const trace = watch(identity);
  const { maxDepth, selection } = identity;
  const result = writeCanonical(
    value,
    writeOptions(maxDepth, selection, trace),
    sink,
    identity.prefix(),
  );
  trace.finish();
  return result;
}
