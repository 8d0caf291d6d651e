import { describe, it } from 'vitest';
import { deep } from '../depth.js';
import { ENGINES } from '../engine/engines.js';
import { fuzzShapes } from './walk-fuzz.js';

/**
 * A million values on each engine in the long run: a quarter of a minute of processor time for each seed.
 * A seed that fails is in the message.
 */
const SEEDS = Array.from({ length: deep(2, 20) }, (_, i) => 16_000 + i);
const VALUES_PER_SEED = deep(4000, 50_000);

describe('a value gives the text, the keys and the error of the plain walk, whatever came before it', () => {
  it.each(SEEDS)('seed %i', (seed) => fuzzShapes(seed, VALUES_PER_SEED, ENGINES), 600_000);
});
