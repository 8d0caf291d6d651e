export type { EngineName } from './engine/engine.js';
export {
  type ActiveEngine,
  activeEngine,
  type EngineChoice,
  type EngineInfo,
  listEngines,
  useEngine,
} from './engine/select.js';
export type { SamekeyError, SamekeyErrorCode } from './errors/errors.js';
export type { Content } from './hash/content.js';
export { sha1, sha256 } from './hash/digest.js';
export { sha256Batch } from './hash/sha256-batch.js';
export { createSha256, type Sha256 } from './hash/sha256-hasher.js';
export {
  NAMESPACE_DNS,
  NAMESPACE_OID,
  NAMESPACE_URL,
  NAMESPACE_X500,
  uuidv5,
} from './hash/uuidv5.js';
export { type CanonicalizeOptions, canonicalBytes, canonicalize } from './json/canonicalize.js';
export { type CanonicalizeJsonOptions, canonicalizeJson } from './json/canonicalize-json.js';
export type { BigNumbers } from './json/parse.js';
export { type Conversation, createConversation } from './key/conversation.js';
export { type Explanation, explain } from './key/explain.js';
export { type Difference, explainDifference } from './key/explain-difference.js';
export type { Scope } from './key/frame.js';
export {
  defineIdentity,
  type Identity,
  type IdentityLike,
  type IdentityOptions,
  type ReferenceCache,
} from './key/identity.js';
export { isKey, type Key, type KeyBits, type ParsedKey, parseKey } from './key/key.js';
export type { KeyFormatOptions } from './key/key-format.js';
export { customId, keyOf } from './key/key-of.js';
export { keyOfJson } from './key/key-of-json.js';
export { type ByteStream, type KeyOfStreamOptions, keyOfStream } from './key/key-of-stream.js';
export { keysOf, keysOfJson } from './key/keys-of.js';
export { randomKey } from './key/random-key.js';
export { scoped, sha256Hex } from './key/sha256-hex.js';
export { sha256HexBatch } from './key/sha256-hex-batch.js';
export type { Excluded, Referenced } from './key/watch.js';
export { identities } from './providers/presets.js';
