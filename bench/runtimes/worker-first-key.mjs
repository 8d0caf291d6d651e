import { keyOf } from 'samekey';
import { SMALL_CHAT } from './inputs.mjs';
import { begun } from './worker-begin.mjs';

const key = keyOf(SMALL_CHAT);
const ms = Date.now() - begun;

export default { fetch: () => Response.json({ key, ms }) };
