/**
 * Every static address of the JSON module, in one table. `asconfig.json` sets `memoryBase` past its
 * end, so that the compiler's own constants never overlap it; behind those are documents.
 */

/** 10^k for every k a double needs, each to 128 bits: see powers-of-ten.ts. */
export const POWERS: usize = 0;
/** The digits of the number being printed, and 24 times "0" behind them. */
export const DIGITS: usize = 0x29c0;
/** Two integers of up to 2,720 bits: see halfway.ts. */
export const LEFT: usize = 0x2a00;
export const RIGHT: usize = 0x2c00;

/** The open containers from the outermost inwards, FRAME_BYTES each. */
export const FRAMES: usize = 0x4000;
export const FRAME_BYTES: usize = 48;
export const FRAME_COUNT: usize = 1502;
/** Where the text that a number is replaced by is made. */
export const TOKEN: usize = 0x15a00;
/** The piece of canonical text that is ready: its start, its end, and what comes behind it. */
export const PIECE: usize = 0x15a80;
/** What an identity selects, as JavaScript compiled it; its first state comes first. */
export const SELECTION: usize = 0x15b00;
export const SELECTION_BYTES: usize = 0x4000;
/** Where the pieces of a document that was sorted are put together; doubles to print, and printed. */
export const GATHER: usize = 0x19c00;
export const GATHER_BYTES: usize = 0x10000;
/** End of the table, 168 KiB; the compiler's constants follow. */
export const MEMORY_BASE: usize = 0x2a000;
