/**
 * The reference that every contender must agree with before it is timed: node:crypto for the digests,
 * and a canonicalizer short enough to be checked by eye. Slow on purpose.
 */
import { createHash } from 'node:crypto';

/**
 * @param {string | Uint8Array} content
 * @returns {string} SHA-256 in lowercase hex
 */
export const sha256Hex = (content) => createHash('sha256').update(content).digest('hex');

/**
 * @param {unknown} value a JSON value
 * @returns {string} its RFC 8785 text
 */
export function canonicalText(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  // Array.prototype.sort without a comparator orders by UTF-16 code units (RFC 8785 §3.2.3).
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(Reflect.get(value, name))}`);
  return `{${members.join(',')}}`;
}

/**
 * RFC 9562 §5.5, implemented with node:crypto.
 *
 * @param {Uint8Array} namespaceBytes 16 bytes
 * @param {string} name
 * @returns {string}
 */
export function uuidv5(namespaceBytes, name) {
  const digest = createHash('sha1').update(namespaceBytes).update(name).digest();
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = digest.toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}
