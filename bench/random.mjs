/**
 * Seeded pseudo-random numbers (mulberry32), so that every run on every machine times the same
 * bytes and a wrong digest can be reproduced.
 *
 * @param {number} seed
 */
export function createRandom(seed) {
  let state = seed >>> 0;

  /** @returns {number} 32 random bits, unsigned */
  function bits() {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /**
   * @param {number} limit
   * @returns {number} an integer from 0 to limit - 1
   */
  const below = (limit) => Math.floor((bits() / 2 ** 32) * limit);

  return {
    below,
    /** @returns {number} a fraction of one with 53 random bits, like a float64 of a model */
    fraction: () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53,
    /**
     * @template T
     * @param {readonly T[]} list
     * @returns {T}
     */
    pick: (list) => /** @type {T} */ (list[below(list.length)]),
    /**
     * @param {number} byteCount
     * @returns {Uint8Array}
     */
    bytes(byteCount) {
      const words = new Uint32Array(Math.ceil(byteCount / 4));
      for (let i = 0; i < words.length; i++) words[i] = bits();
      return new Uint8Array(words.buffer, 0, byteCount);
    },
  };
}
