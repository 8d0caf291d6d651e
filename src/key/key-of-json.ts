import { type Content, toContent } from '../hash/content.js';
import { parseJson } from '../json/parse.js';
import { writeJson } from '../json/write-json.js';
import { DigestSink } from './digest-sink.js';
import { compileIdentity, type IdentityLike } from './identity.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { digestText } from './key-of.js';

/**
 * Returns the key of a JSON text, such as a request's body: the key that `keyOf` gives to its value.
 * White space, member order and the spelling of strings and numbers do not matter. The text is read
 * strictly, also where the identity leaves it out.
 *
 * @throws as `canonicalizeJson` for the text and as `keyOf` for the identity, whose `maxDepth` and
 * `bigNumbers` apply.
 * @example
 * keyOfJson('{ "b": 2, "a": 1e0 }') === keyOf({ a: 1, b: 2 }); // true
 */
export function keyOfJson(input: Content, identity?: IdentityLike): Key {
  const compiled = compileIdentity(identity);
  const content = toContent(input, 'make a key of the JSON text');
  const sink = new DigestSink(compiled.format.hmac, KEY_PREFIX);
  const text =
    writeJson(content, compiled, sink, compiled.prefix()) ??
    digestText(parseJson(content, compiled), compiled);
  return toKey(text, compiled.format.bits);
}
