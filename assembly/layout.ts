/**
 * Every static address of the module, in one table. `asconfig.json` sets `memoryBase` past its
 * end, so that the compiler's own constants never overlap it. JavaScript reads the addresses it
 * needs as exported globals.
 */

/** W + K of the sixteen rounds in flight (SHA-256), or all eighty words of the schedule (SHA-1). */
export const SCHEDULE: usize = 0;
/** Chaining state of the digest being finished: up to eight words, native byte order. */
export const STATE: usize = 320;
/** A finished digest: 32 or 20 bytes, big-endian as the standards print it. */
export const DIGEST: usize = 352;
/** The padded end of a hasher's message: two blocks. */
export const TAIL: usize = 384;
/** Text made here, and saved hashers: up to 128 bytes; before it, room for a key's prefix. */
export const PREFIX_BYTES: usize = 16;
export const TEXT: usize = 528;

/** Open hashers, SLOT_BYTES each: eight words of state, the length in bytes, the pending block. */
export const SLOTS: usize = 768;
export const SLOT_BYTES: usize = 128;
export const SLOT_COUNT: u32 = 122;
export const SLOT_LENGTH: usize = 32;
export const SLOT_PENDING: usize = 64;

/** Where JavaScript puts bytes to digest or escape; 128 bytes of room behind it for padding. */
export const INPUT: usize = 0x4000;
export const INPUT_BYTES: usize = 0x10000;
/** Where canonical JSON is assembled: a chunk, and room for the longest string piece escaped. */
export const OUTPUT: usize = 0x14400;
export const OUTPUT_BYTES: usize = 0x7b800;
/** 10^k for every k a double needs, each to 128 bits: see json/powers-of-ten.ts. */
export const POWERS: usize = 0x90000;
/** The digits of the number being printed, and 24 times "0" behind them. */
export const DIGITS: usize = 0x929c0;
/** Two integers of up to 2,720 bits: see json/halfway.ts. */
export const LEFT: usize = 0x92a00;
export const RIGHT: usize = 0x92c00;
/** End of the table, 592 KiB; the compiler's constants follow. */
export const MEMORY_BASE: usize = 0x94000;
