import { describe, it } from 'vitest';
import type { EngineChoice } from '../../src/index.js';
import { deep } from '../depth.js';
import { ENGINES } from '../engine/engines.js';
import { fuzzShapes } from './walk-fuzz.js';

/**
 * The long run tries 300,000 values on each engine in two minutes, `EXPLORE_DEEPER=1` a million. A
 * seed that fails is in the message.
 */
const SEED_COUNT = deep(2, process.env.EXPLORE_DEEPER ? 20 : 6);
const SEEDS = Array.from({ length: SEED_COUNT }, (_, i) => 16_000 + i);
const VALUES_PER_SEED = deep(4000, 50_000);
/** `auto` chooses one of the others for each value. */
const COMPARED = deep<readonly EngineChoice[]>(ENGINES, ['native', 'wasm', 'js']);

describe('a value gives the text, the keys and the error of the plain walk, whatever came before it', () => {
  it.each(SEEDS)('seed %i', (seed) => fuzzShapes(seed, VALUES_PER_SEED, COMPARED), 600_000);
});
