/**
 * Import plus first key in a page that has done nothing else: evaluating, decoding, compiling and
 * the key. Browsers parse what they fetch in another thread, before.
 */
// biome-ignore assist/source/organizeImports: what is imported first is evaluated first
import { begun, now } from './begin.mjs';
import { keyOf } from 'samekey';
import { SMALL_CHAT } from './inputs.mjs';

const key = keyOf(SMALL_CHAT);
const ms = now() - begun;

export const timeFirstKey = async () => ({ key, ms });
