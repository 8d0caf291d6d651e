/** The whole ABI of the JSON module: `memory`, these functions, and the addresses JavaScript needs. */
export { document } from './document';
export { nextPiece } from './rope';
/** `reprintNumber` for the tests of the release build: a document calls it from inside. */
export { printDoubles, reprintNumber } from './number';
export { GATHER, PIECE, SELECTION, SELECTION_BYTES } from './layout';
/** Where a document may begin: all memory behind is free. */
export { __heap_base as DOCUMENT };
