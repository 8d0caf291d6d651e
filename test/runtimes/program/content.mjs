/** Reads the descriptions of bytes in `test/vectors` without anything that only Node has. */

/**
 * @typedef {{utf8?: string, hex?: string, pattern?: number,
 *   repeat?: {utf8?: string, hex?: string, count: number}}} Rule
 */

/**
 * @param {string} hex
 * @returns {Uint8Array}
 */
export function bytesOfHex(hex) {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

/** @param {Uint8Array} bytes */
export function hexOf(bytes) {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/**
 * @param {Rule} rule
 * @returns {Uint8Array}
 */
export function contentBytes({ utf8, hex, pattern, repeat }) {
  if (utf8 !== undefined) return new TextEncoder().encode(utf8);
  if (hex !== undefined) return bytesOfHex(hex);
  if (pattern !== undefined) return Uint8Array.from({ length: pattern }, (_, i) => i % 251);
  if (repeat === undefined) throw new RangeError('Cannot make content: the rule is unknown');
  const once = contentBytes(repeat);
  const bytes = new Uint8Array(once.length * repeat.count);
  for (let at = 0; at < bytes.length; at += once.length) bytes.set(once, at);
  return bytes;
}

/**
 * Returns the content in every accepted form: bytes, and text if the rule has one.
 *
 * @param {Rule} rule
 * @returns {(Uint8Array | string)[]}
 */
export function contentForms(rule) {
  return rule.utf8 === undefined ? [contentBytes(rule)] : [rule.utf8, contentBytes(rule)];
}
