import { type Content, toContent } from '../hash/content.js';
import { parseJson } from '../json/parse.js';
import { compileIdentity, type IdentityLike } from './identity.js';
import { type Key, toKey } from './key.js';
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
  return toKey(digestText(parseJson(content, compiled), compiled), compiled.format.bits);
}
