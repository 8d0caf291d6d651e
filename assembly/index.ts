/**
 * The whole ABI of the core module: `memory`, these functions, and the addresses JavaScript needs.
 */
export { batchHex, digestBatch } from './batch';
export { sha1Begin, sha1Blocks, sha1Finish, sha256 } from './oneshot';
export {
  hasherDigest,
  hasherOpen,
  hasherRestore,
  hasherSave,
  hashersUpdate,
} from './hasher';
export { digestHex, digestUuid } from './text';
export { escapeJson } from './json/escape';
export {
  ARENA,
  DIGEST,
  DIGESTS,
  INPUT,
  INPUT_BYTES,
  JOBS,
  LENGTHS,
  OUTPUT,
  OUTPUT_BYTES,
  PACKED,
  PREFIX_BYTES,
  SLOT_COUNT,
  TEXT,
} from './layout';
