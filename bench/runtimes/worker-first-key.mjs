// Not sorted: imports are evaluated in this order.
// biome-ignore assist/source/organizeImports: see above
import { begun, now } from './begin.mjs';
import { keyOf } from 'samekey';
import { SMALL_CHAT } from './inputs.mjs';

const key = keyOf(SMALL_CHAT);
const ms = now() - begun;

export default { fetch: () => Response.json({ key, ms }) };
