import { move, shift } from './compact';
import { putEscape } from './escape';
import { isUtf8 } from './utf8';

/** The value of a hexadecimal digit, or more than 15 for any other byte. */
// @ts-ignore: decorator
@inline function digit(byte: u32): u32 {
  const number = byte - 0x30;
  if (number < 10) return number;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 0x10000;
}

/** The value of the four digits at `at`, or more than 0xffff. */
function hex4(at: usize): u32 {
  return (
    (digit(load<u8>(at)) << 12) |
    (digit(load<u8>(at, 1)) << 8) |
    (digit(load<u8>(at, 2)) << 4) |
    digit(load<u8>(at, 3))
  );
}

/** Writes a code point beyond ASCII as UTF-8 (RFC 3629 §3) to `out`. Returns its end. */
function putUtf8(code: u32, out: usize): usize {
  if (code < 0x800) {
    store<u8>(out, <u8>(0xc0 | (code >> 6)));
  } else {
    if (code < 0x10000) {
      store<u8>(out, <u8>(0xe0 | (code >> 12)));
    } else {
      store<u8>(out++, <u8>(0xf0 | (code >> 18)));
      store<u8>(out, <u8>(0x80 | ((code >> 12) & 63)));
    }
    store<u8>(++out, <u8>(0x80 | ((code >> 6) & 63)));
  }
  store<u8>(++out, <u8>(0x80 | (code & 63)));
  return out + 1;
}

/**
 * Writes the character of a `\uXXXX` at `at`, or of a pair of them, as RFC 8785 §3.2.2.2 does; that
 * is never longer. Returns where to continue reading, or 0 if it is not a character.
 */
function unicodeEscape(at: usize): usize {
  const out = at - shift;
  let code = hex4(at + 2);
  if (code > 0xffff) return 0;
  at += 6;
  if ((code & 0xf800) == 0xd800) {
    const low = load<u16>(at) == 0x755c ? hex4(at + 2) : 0;
    // A lone surrogate is not a character (RFC 7493 §2.1).
    if (code >= 0xdc00 || low >> 10 != 0x37) return 0;
    code = 0x10000 + ((code & 0x3ff) << 10) + (low & 0x3ff);
    at += 6;
  }
  let end = out + 1;
  if (code >= 0x80) end = putUtf8(code, out);
  else if (code < 0x20 || code == 0x22 || code == 0x5c) end = putEscape(code, out);
  else store<u8>(out, <u8>code);
  shift = at - end;
  return at;
}

/** Letters that stay after a `\`: `"`, `\`, b, f, n, r, t, by their last five bits. */
const KEPT: u32 = (1 << 2) | (1 << 6) | (1 << 14) | (1 << 18) | (1 << 20);

/**
 * The first byte beyond ASCII of a document has the rest of the document checked in one pass. That
 * takes half the time of a check from each such byte to the next escape or ASCII. From then on
 * these bytes are ordinary.
 */
let textEnd: usize = 0;
/**
 * A byte is not ordinary if, after `bias` has been added, it is below `lowest` as a signed number: a
 * control character and, before the check, any byte beyond ASCII.
 */
let bias = i8x16.splat(0);
let lowest = i8x16.splat(0);

export function openStrings(end: usize): void {
  textEnd = end;
  bias = i8x16.splat(0);
  lowest = i8x16.splat(0x20);
}

function checkUtf8(at: usize): bool {
  bias = i8x16.splat(<i8>0x80);
  lowest = i8x16.splat(<i8>0xa0);
  return isUtf8(at, textEnd);
}

/**
 * Checks the string whose quote is at `at`, and writes it canonically to its output position.
 * Returns its end, or 0 if it is invalid: a control character, bad UTF-8, a bad escape, a lone
 * surrogate.
 */
export function string(at: usize): usize {
  /** The start of the text that has been read, but not moved. */
  let from = at++;
  while (true) {
    const x = v128.load(at);
    const stops = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(x, i8x16.splat(0x22)), i8x16.eq(x, i8x16.splat(0x5c))),
        i8x16.lt_s(i8x16.add(x, bias), lowest),
      ),
    );
    if (stops == 0) {
      at += 16;
      continue;
    }
    at += <usize>ctz(stops);
    const byte: u32 = load<u8>(at);
    if (byte == 0x22) {
      at++;
      move(from, at);
      return at;
    }
    if (byte == 0x5c) {
      const escaped: u32 = load<u8>(at, 1);
      if (escaped == 0x22 || escaped == 0x5c || (escaped >> 5 == 3 && ((KEPT >> (escaped & 31)) & 1) != 0)) {
        at += 2;
        continue;
      }
      move(from, at);
      if (escaped == 0x2f) {
        shift++;
        from = at + 1;
        at += 2;
        continue;
      }
      if (escaped != 0x75) return 0;
      at = unicodeEscape(at);
      if (at == 0) return 0;
      from = at;
    } else if (byte < 0x20 || !checkUtf8(at)) {
      return 0;
    }
  }
}
