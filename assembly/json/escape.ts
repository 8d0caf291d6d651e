/**
 * RFC 8785 §3.2.2.2: the body of a JSON string. `byteCount` bytes of UTF-8 at `ptr` are written at
 * `out` with `"`, `\` and the control characters escaped, all else as it is. Returns the end of
 * what was written. `out` needs room for 6 × `byteCount` + 16 bytes: the worst case is a control
 * character, `\u001f`, and a full vector may be stored past the end.
 */
export function escapeJson(ptr: usize, byteCount: usize, out: usize): usize {
  const end = ptr + byteCount;
  while (ptr < end) {
    const x = v128.load(ptr);
    v128.store(out, x);
    const special = v128.or(
      v128.or(i8x16.eq(x, i8x16.splat(0x22)), i8x16.eq(x, i8x16.splat(0x5c))),
      i8x16.lt_u(x, i8x16.splat(0x20)),
    );
    let left = end - ptr;
    if (left > 16) left = 16;
    if (v128.any_true(special)) {
      const clean = <usize>ctz(<u32>i8x16.bitmask(special));
      if (clean < left) {
        out = escapeOne(load<u8>(ptr + clean), out + clean);
        ptr += clean + 1;
        continue;
      }
    }
    ptr += left;
    out += left;
  }
  return out;
}

/** §3.2.2.2: the five short forms, and lower-case hexadecimal for the other controls. */
function escapeOne(byte: u32, out: usize): usize {
  let short: u32 = 0;
  if (byte == 0x22 || byte == 0x5c) short = byte;
  else if (byte == 0x08) short = 0x62;
  else if (byte == 0x09) short = 0x74;
  else if (byte == 0x0a) short = 0x6e;
  else if (byte == 0x0c) short = 0x66;
  else if (byte == 0x0d) short = 0x72;
  if (short != 0) {
    store<u16>(out, <u16>(0x5c | (short << 8)));
    return out + 2;
  }
  const low = byte & 15;
  store<u32>(out, 0x3030755c); // \u00
  store<u8>(out, <u8>(48 + (byte >> 4)), 4);
  store<u8>(out, <u8>(low < 10 ? 48 + low : 87 + low), 5);
  return out + 6;
}
