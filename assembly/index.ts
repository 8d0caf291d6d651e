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
export { escapeUtf16 } from './json/utf16';
export { weave } from './json/weave';
export {
  ARENA,
  DIGEST,
  DIGESTS,
  HOLES,
  INPUT,
  INPUT_BYTES,
  JOBS,
  LENGTHS,
  MAX_HOLES,
  OUTPUT,
  OUTPUT_BYTES,
  PACKED,
  PIECE_BYTES,
  PREFIX_BYTES,
  SLOT_COUNT,
  STRUCTURE,
  TEXT,
} from './layout';
