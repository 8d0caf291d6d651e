import { move, shift } from './compact';
import { putEscape } from './escape';
import { utf8 } from './utf8';

/** The value of a hexadecimal digit, or more than 15. */
// @ts-ignore: decorator
@inline function digit(byte: u32): u32 {
  const number = byte - 0x30;
  if (number < 10) return number;
  const letter = (byte | 0x20) - 0x61;
  return letter < 6 ? letter + 10 : 0x10000;
}

/** The four digits at `at`, or more than 0xffff. */
function hex4(at: usize): u32 {
  return (
    (digit(load<u8>(at)) << 12) |
    (digit(load<u8>(at, 1)) << 8) |
    (digit(load<u8>(at, 2)) << 4) |
    digit(load<u8>(at, 3))
  );
}

/** A code point beyond ASCII in UTF-8 (RFC 3629 §3) at `out`; returns its end. */
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
 * `\uXXXX` at `at`, or a pair of them, as RFC 8785 §3.2.2.2 writes that character; never longer
 * than it was. Returns where reading goes on, or 0 for what is no character.
 */
function unicodeEscape(at: usize): usize {
  const out = at - shift;
  let code = hex4(at + 2);
  if (code > 0xffff) return 0;
  at += 6;
  if ((code & 0xf800) == 0xd800) {
    const low = load<u16>(at) == 0x755c ? hex4(at + 2) : 0;
    // A lone surrogate is no character (RFC 7493 §2.1).
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

/** Letters that `\` stands before as it is: `"`, `\`, b, f, n, r, t, by their last five bits. */
const KEPT: u32 = (1 << 2) | (1 << 6) | (1 << 14) | (1 << 18) | (1 << 20);

/**
 * Checks the string whose quote is at `at`, and puts it canonically to its place. Returns its end,
 * or 0 if it is no string: a control character, bad UTF-8, a bad escape, a lone surrogate.
 */
export function string(at: usize): usize {
  /** What was read from here on is not moved yet. */
  let from = at++;
  while (true) {
    const x = v128.load(at);
    // As a signed number, a byte that is not ASCII is below every other.
    const special = i8x16.bitmask(
      v128.or(
        v128.or(i8x16.eq(x, i8x16.splat(0x22)), i8x16.eq(x, i8x16.splat(0x5c))),
        i8x16.lt_s(x, i8x16.splat(0x20)),
      ),
    );
    if (special == 0) {
      at += 16;
      continue;
    }
    at += <usize>ctz(special);
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
    } else {
      if (byte < 0x20) return 0;
      at = utf8(at);
      if (at == 0) return 0;
    }
  }
}
