/**
 * Import and first key in a fresh page: evaluation, decoding, compilation and the key. Before that,
 * browsers parse what they fetch in another thread.
 */
// biome-ignore assist/source/organizeImports: what is imported first is evaluated first
import { begun, now } from './begin.mjs';
import { keyOf } from 'samekey';
import { SMALL_CHAT } from './inputs.mjs';

const key = keyOf(SMALL_CHAT);
const ms = now() - begun;

export const timeFirstKey = async () => ({ key, ms });
