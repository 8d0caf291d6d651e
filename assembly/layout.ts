/**
 * All static addresses of the core module, in one table. `asconfig.json` sets `memoryBase` to its
 * end, so the compiler's own constants never overlap it. JavaScript reads the addresses it needs as
 * exported globals.
 */

/** W + K of the current sixteen rounds (SHA-256), or all eighty words of the schedule (SHA-1). */
export const SCHEDULE: usize = 0;
/** Chaining state of the digest being finished: up to eight words, native byte order. */
export const STATE: usize = 320;
/** A finished digest: 32 or 20 bytes, big-endian as in the standards. */
export const DIGEST: usize = 352;
/**
 * The padded end of a hasher's message: two blocks, and the bytes that padding overwrites behind
 * them.
 */
export const TAIL: usize = 384;
/** Text and saved hashers: up to 128 bytes. Before it is space for the prefix of a key. */
export const PREFIX_BYTES: usize = 16;
export const TEXT: usize = 544;

/**
 * Open hashers, SLOT_BYTES each: eight words of state, the length in bytes, the pending block. The
 * first slot has no owner: one-shot digests of long content use it.
 */
export const SLOTS: usize = 768;
export const SLOT_BYTES: usize = 128;
export const SLOT_COUNT: u32 = 122;
export const SLOT_LENGTH: usize = 32;
export const SLOT_PENDING: usize = 64;

/** Input from JavaScript, to be digested or escaped, followed by 128 bytes for padding. */
export const INPUT: usize = 0x4000;
export const INPUT_BYTES: usize = 0x10000;
/** A piece of a string in INPUT is at most so long: six times its bytes fit into OUTPUT. */
export const PIECE_BYTES: usize = 0xe000;
/**
 * The canonical JSON being assembled: a chunk, and space for the longest escaped piece of a string.
 */
export const OUTPUT: usize = 0x14400;
export const OUTPUT_BYTES: usize = 0x69800;
/** What is to be woven into OUTPUT: the places of long strings, and the text around them. */
export const HOLES: usize = 0x7dc00;
export const MAX_HOLES: u32 = 1024;
export const STRUCTURE: usize = 0x7fc00;
/** Four messages: W of all 64 rounds, then a … h, a vector each. */
export const LANE_SCHEDULE: usize = 0x90000;
export const LANE_STATES: usize = 0x90400;
/**
 * The four lanes, LANE_BYTES each: the job, the next byte to read, and the number of blocks left.
 */
export const LANES: usize = 0x90480;
export const LANE_BYTES: usize = 16;
export const LANE_JOB: usize = 0;
export const LANE_PTR: usize = 4;
export const LANE_LEFT: usize = 8;
/**
 * Up to 512 jobs, JOB_BYTES each: the address of the bytes, their number (later: of blocks), the
 * state.
 */
export const JOBS: usize = 0x90800;
export const JOB_BYTES: usize = 12;
export const JOB_PTR: usize = 0;
export const JOB_COUNT: usize = 4;
export const JOB_STATE: usize = 8;
/** A batch: the length of each message, and its state, which its digest replaces. */
export const LENGTHS: usize = 0x92000;
export const MAX_MESSAGES: u32 = 512;
export const DIGESTS: usize = 0x92800;
/**
 * Pending bytes of hashers. For a batch: the padded messages and, from PACKED on, the given ones.
 */
export const ARENA: usize = 0x97000;
export const ARENA_BYTES: usize = 0x40000;
export const PACKED: usize = 0xbf000;
/**
 * How the bytes of four characters in 32 bits each, and of eight in 16 bits each, move together:
 * 256 vectors, filled when they are needed.
 */
export const PACK_FOUR: usize = 0xd8000;
export const PACK_EIGHT: usize = 0xd9000;
/** End of the table, 872 KiB. The compiler's constants follow. */
export const MEMORY_BASE: usize = 0xda000;
