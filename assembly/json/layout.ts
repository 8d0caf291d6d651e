/**
 * All static addresses of the JSON module, in one table. `asconfig.json` sets `memoryBase` to its
 * end, so the compiler's own constants never overlap it. Documents are stored behind those.
 */

/** 10^k for every k that a double needs, each to 128 bits: see powers-of-ten.ts. */
export const POWERS: usize = 0;
/** The digits of the number being printed, followed by 24 times "0". */
export const DIGITS: usize = 0x29c0;
/** Two integers of up to 2,720 bits: see halfway.ts. */
export const LEFT: usize = 0x2a00;
export const RIGHT: usize = 0x2c00;

/** The open containers from the outermost inwards, FRAME_BYTES each. */
export const FRAMES: usize = 0x4000;
export const FRAME_BYTES: usize = 48;
export const FRAME_COUNT: usize = 1502;
/** The canonical text of a number that has to be replaced. */
export const TOKEN: usize = 0x15a00;
/** The current piece of canonical text: its start, its end, and what follows it. */
export const PIECE: usize = 0x15a80;
/** The compiled selection of an identity. The first state is at the start. */
export const SELECTION: usize = 0x15b00;
export const SELECTION_BYTES: usize = 0x4000;
/**
 * Joins the segments of a sorted document. Also holds doubles to print, and their text, and the members
 * of a small object while they are sorted.
 */
export const GATHER: usize = 0x19c00;
export const GATHER_BYTES: usize = 0x10000;
/** End of the table, 168 KiB. The compiler's constants follow. */
export const MEMORY_BASE: usize = 0x2a000;
