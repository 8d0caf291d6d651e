/** The module's whole ABI: `memory`, these functions, and the addresses JavaScript needs. */
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
export { document } from './json/document';
export { escapeJson } from './json/escape';
export { nextPiece } from './json/rope';
export { printDouble, reprintNumber } from './json/number';
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
  PIECE,
  PREFIX_BYTES,
  SELECTION,
  SELECTION_BYTES,
  SLOT_COUNT,
  TEXT,
} from './layout';
/** Where a document may begin: all memory behind is free. */
export { __heap_base as DOCUMENT };
