/** `samekey/once`: runs a function at most once per key, and gives its result to every duplicate. */

export type { CallOptions } from './call.js';
export type { OnceContext } from './call-function.js';
export { type Codec, jsonCodec, richCodec } from './codec.js';
export {
  configFromEnv,
  configFromJson,
  type Idempotency,
  type IdempotencyConfig,
  idempotency,
} from './config.js';
export {
  type EncryptedCodec,
  type EncryptedCodecOptions,
  type EncryptionKey,
  encryptedCodec,
} from './encrypted-codec.js';
export { OnceError, UnstorableResultError } from './errors.js';
export type { Layer, OnceEvent, Saved } from './events.js';
export type { Jsonified } from './jsonified.js';
export { createOnce, type Once } from './once.js';
export type { CacheOptions, OnceOptions, Reconciliation, UnknownDecision } from './options.js';
export type { Detailed, OnceStats } from './runner.js';
export type { StoredResult } from './stored-result.js';
export { type OnceTool, onceTool, type ToolOptions } from './tool.js';
