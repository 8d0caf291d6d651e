/**
 * The document is made canonical in place: text read at `at` is written at `at - shift`. While
 * nothing has been left out, `shift` is 0 and nothing has to be moved.
 */
export let shift: usize = 0;

export function openShift(): void {
  shift = 0;
}

/** A mask of the first `count` lanes. */
// @ts-ignore: decorator
@inline export function first(count: u32): v128 {
  return i8x16.lt_u(
    i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    i8x16.splat(<i8>count),
  );
}

/** Writes one byte to the output position of `at`. */
// @ts-ignore: decorator
@inline export function put(at: usize, byte: u32): void {
  store<u8>(at - shift, <u8>byte);
}

/** Moves the bytes read in [from, to) to their output position, which is not behind them. */
export function move(from: usize, to: usize): void {
  if (shift == 0) return;
  let out = from - shift;
  if (to - from > 512) {
    memory.copy(out, from, to - from);
    return;
  }
  // A whole vector ends before the unread text: [out, out + 16) is below from + 16.
  for (; from + 16 <= to; from += 16, out += 16) v128.store(out, v128.load(from));
  if (from == to) return;
  let x = v128.load(from);
  // The last vector may overlap the unread text if `shift` is small, so the text behind it is kept.
  if (shift < 16) x = v128.bitselect(x, v128.load(out), first(<u32>(to - from)));
  v128.store(out, x);
}

/** Skips the white space (RFC 8259 §2) at `at`. Returns its end. */
export function blanks(at: usize): usize {
  const from = at;
  for (;;) {
    const x = v128.load(at);
    const blank = v128.or(
      v128.or(i8x16.eq(x, i8x16.splat(0x20)), i8x16.eq(x, i8x16.splat(0x0a))),
      v128.or(i8x16.eq(x, i8x16.splat(0x0d)), i8x16.eq(x, i8x16.splat(0x09))),
    );
    const count = <usize>ctz(~i8x16.bitmask(blank));
    at += count;
    if (count < 16) break;
  }
  shift += at - from;
  return at;
}
