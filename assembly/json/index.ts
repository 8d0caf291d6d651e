/** The whole ABI of the JSON module: `memory`, these functions, and the addresses JavaScript needs. */
export { document } from './document';
export { nextPiece } from './rope';
export { printDoubles, reprintNumber } from './number';
export { GATHER, GATHER_BYTES, PIECE, SELECTION, SELECTION_BYTES } from './layout';
/** Where a document may begin: all memory behind is free. */
export { __heap_base as DOCUMENT };
