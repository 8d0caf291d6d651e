/** The whole ABI of the JSON module: `memory`, these functions, and the addresses JavaScript needs. */
export { document } from './document';
export { nextPiece } from './segments';
/**
 * `reprintNumber` is exported for the tests of the release build. A document calls it internally.
 */
export { printDoubles, reprintNumber } from './number';
export { GATHER, PIECE, SELECTION, SELECTION_BYTES } from './layout';
/** The lowest address of a document. All memory behind it is free. */
export { __heap_base as DOCUMENT };
