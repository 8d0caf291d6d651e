/** The module's whole ABI: `memory`, these functions, and the addresses JavaScript needs. */
export { sha1Begin, sha1Blocks, sha1Finish, sha256 } from './oneshot';
export {
  hasherDigest,
  hasherOpen,
  hasherRestore,
  hasherSave,
  hasherUpdate,
} from './hasher';
export { digestHex, digestUuid } from './text';
export { escapeJson } from './json/escape';
export { printDoubles, reprintNumber } from './json/number';
export {
  DIGEST,
  INPUT,
  INPUT_BYTES,
  OUTPUT,
  OUTPUT_BYTES,
  PREFIX_BYTES,
  SLOT_COUNT,
  TEXT,
} from './layout';
