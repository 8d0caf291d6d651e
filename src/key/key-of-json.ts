import { type Content, toContent } from '../hash/content.js';
import { parseJson } from '../json/parse.js';
import type { CanonicalSink } from '../json/write.js';
import { writeJson } from '../json/write-json.js';
import { DigestSink } from './digest-sink.js';
import { type CompiledIdentity, compileIdentity, type IdentityLike } from './identity.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { writeFrame } from './key-of.js';

/**
 * Returns the key of a JSON text, such as the body of a request. It equals `keyOf` of its value:
 * white space, the order of members and the spelling of strings and numbers do not matter. The
 * whole text is read strictly, even parts that the identity leaves out.
 *
 * @throws as `canonicalizeJson` for the text, with the `maxDepth` and `bigNumbers` of the identity,
 * and as `keyOf` for the identity.
 * @example
 * keyOfJson('{ "b": 2, "a": 1e0 }') === keyOf({ a: 1, b: 2 }); // true
 */
export function keyOfJson(input: Content, identity?: IdentityLike): Key {
  const compiled = compileIdentity(identity);
  const sink = new DigestSink(compiled.format.hmac, KEY_PREFIX);
  return toKey(writeJsonFrame(input, compiled, sink), compiled.format.bits);
}

/** Writes the frame of a JSON text into a sink. */
export function writeJsonFrame<T extends object | string | true>(
  input: Content,
  identity: CompiledIdentity,
  sink: CanonicalSink<T>,
): T {
  const content = toContent(input, 'make a key of the JSON text');
  return (
    writeJson(content, identity, sink, identity.prefix()) ??
    writeFrame(parseJson(content, identity), identity, sink)
  );
}
