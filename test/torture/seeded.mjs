import { createHash } from 'node:crypto';

/** Numbers at least 0 and less than 1 that are the same for the same seed (mulberry32). */
export function random(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The key with this number. Every second key is called with `onUnknown: 'hold'`. */
export function keyAt(row, number) {
  const digest = createHash('sha256').update(`${row} ${number}`).digest('hex');
  return { key: `ik_${digest}`, isHeld: number % 2 === 1 };
}
