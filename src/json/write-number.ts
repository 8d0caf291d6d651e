/** Powers of ten by which a decimal becomes an integer. */
const SCALES = [100, 1000] as const;

/** Writes a whole number from 0 to 2^31 - 1. Returns the end of the output. */
export function writeInteger(bytes: Uint8Array, value: number, position: number): number {
  const end = position + digitCount(value);
  writeDigits(bytes, value, position, end);
  return end;
}

/** Comparisons with constants: a loop over powers of ten leaves the range of 32-bit integers. */
function digitCount(value: number): number {
  if (value < 10000) return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : 4;
  if (value < 10000000) return value < 100000 ? 5 : value < 1000000 ? 6 : 7;
  return value < 100000000 ? 8 : value < 1000000000 ? 9 : 10;
}

/** Writes the last digits of a whole number to `bytes[from, to)`. */
function writeDigits(bytes: Uint8Array, value: number, from: number, to: number): void {
  let rest = value | 0;
  for (let at = to - 1; at >= from; at--) {
    const tenth = (rest / 10) | 0;
    bytes[at] = 0x30 + rest - 10 * tenth;
    rest = tenth;
  }
}

/** Writes a finite number as ECMAScript prints it (RFC 8785 §3.2.2.3). Returns the end. */
export function writeNumber(bytes: Uint8Array, value: number, position: number): number {
  let at = position;
  if ((value | 0) === value && value !== -0x80000000) {
    // -0 is written as 0.
    if (value >= 0) return writeInteger(bytes, value, at);
    bytes[at++] = 0x2d;
    return writeInteger(bytes, -value, at);
  }
  const size = Math.abs(value);
  // A double is nearest to at most one decimal of up to 15 digits, so if it is nearest to this one,
  // this is the shortest. `String` takes four times as long.
  if (size >= 0.001 && size < 1e6) {
    for (const scale of SCALES) {
      const scaled = Math.round(size * scale);
      if (scaled / scale !== size) continue;
      if (value < 0) bytes[at++] = 0x2d;
      const whole = (scaled / scale) | 0;
      at = writeInteger(bytes, whole, at);
      bytes[at++] = 0x2e;
      const end = at + (scale === 100 ? 2 : 3);
      writeDigits(bytes, scaled - whole * scale, at, end);
      return bytes[end - 1] === 0x30 ? end - 1 : end;
    }
  }
  const text = String(value);
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}
