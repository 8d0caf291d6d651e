/**
 * The story of each key, made from its number, so that all processes know it: what the provider answers
 * first, and which clients repeat the request.
 *
 * @typedef {object} Script
 * @property {boolean} isStreamed whether the provider sends events
 * @property {0 | 429 | 500} fails the status of the provider's first answer; 0 for none
 * @property {boolean} leaves whether the first client disconnects before the answer, and asks again later
 * @property {boolean} isDoubled whether a second client sends the request at the same time
 * @property {boolean} isRepeated whether the request is sent again 1 to 10 s after its answer
 */

/** Of 1000 keys. */
export const SHARES = {
  streamed: 40,
  refused: 10,
  failed: 5,
  left: 10,
  doubled: 100,
  repeated: 100,
};

/**
 * @param {number} n of the key
 * @returns {Script}
 */
export function scriptOf(n) {
  const fate = dice(n, 1);
  const { refused, failed, left } = SHARES;
  return {
    isStreamed: dice(n, 2) < SHARES.streamed,
    fails: fate < refused ? 429 : fate < refused + failed ? 500 : 0,
    leaves: fate >= refused + failed && fate < refused + failed + left,
    isDoubled: dice(n, 3) < SHARES.doubled,
    isRepeated: dice(n, 4) < SHARES.repeated,
  };
}

/**
 * Returns a whole number from 0 to 999, by the finalizer of MurmurHash3.
 *
 * @param {number} n
 * @param {number} which
 */
export function dice(n, which) {
  let hash = (Math.imul(n, 0x9e3779b1) ^ Math.imul(which, 0x85ebca6b)) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) % 1000;
}

/** Counts events of numbered keys in a byte each. */
export class Tally {
  /** @param {number} keyCount */
  constructor(keyCount) {
    this.counts = new Uint8Array(keyCount);
    this.total = 0;
  }

  /** @param {number} n */
  add(n) {
    this.total++;
    return ++this.counts[n];
  }

  /** Returns how many keys have a count above `most`, and the first ten of them. @param {number} most */
  above(most) {
    let keyCount = 0;
    const first = [];
    for (const [n, count] of this.counts.entries()) {
      if (count <= most) continue;
      keyCount++;
      if (first.length < 10) first.push({ n, count });
    }
    return { keyCount, first };
  }
}
