/**
 * A process for one contender, driven by `groups/once.mjs` over IPC: it calls a function that has its result
 * at once, with samekey on a memory store or bare.
 *
 * Messages: `{ keyCount }` → `{ checked: true }`, when the store has a result for each of that many keys;
 * `{ kind, count }` → `{ cpuUs }`, the processor time of one call. The answer to either can be `{ error }`.
 */
import { createHash } from 'node:crypto';
import { buildNames, loadModule } from '../build.mjs';

const [name = ''] = process.argv.slice(2);

/** About the answer of a language model. */
const RESULT = { id: 'msg_1', role: 'assistant', text: createHash('sha512').digest('base64') };
const EXPECTED = JSON.stringify(RESULT);

let runCount = 0;
const makeResult = async () => {
  runCount++;
  return RESULT;
};

/** @typedef {(key: string) => Promise<unknown>} Call */

/** @type {{ first: Call, cached: Call, stored: Call }} */
const calls = await load();
let keyCount = 0;
let nextKey = 0;

/** A new string every time, as of a request that has just arrived. @param {number} n */
const keyOf = (n) => `ik_${n.toString(16).padStart(64, '0')}`;

/** Keys in an order that a processor cannot predict. */
const randomKey = () => keyOf(Math.floor(Math.random() * keyCount));

/** @type {Record<string, () => Promise<unknown>>} */
const KINDS = {
  first: () => calls.first(keyOf(nextKey++)),
  // Fewer keys than the cache of the process has places.
  cached: () => calls.cached(keyOf(Math.floor(Math.random() * 64))),
  stored: () => calls.stored(randomKey()),
};

/** @returns {Promise<{ first: Call, cached: Call, stored: Call }>} */
async function load() {
  if (!buildNames().includes(name)) {
    return { first: makeResult, cached: makeResult, stored: makeResult };
  }
  const { createOnce } = await loadModule(name, 'once/index.js');
  const { memoryStore } = await loadModule(name, 'store/memory.js');
  const onceCached = createOnce({ store: memoryStore() });
  const store = memoryStore({ maxEntries: 2 ** 21, maxBytes: 2 ** 30 });
  const onceStored = createOnce({ store, cache: false });
  return {
    first: (key) => onceCached(key, makeResult),
    cached: (key) => onceCached(key, makeResult),
    stored: (key) => onceStored(key, makeResult),
  };
}

process.on('message', async (/** @type {any} */ message) => {
  try {
    process.send?.(message.keyCount ? await fill(message.keyCount) : await measure(message));
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
});
process.on('disconnect', () => process.exit());

/** @param {number} count */
async function fill(count) {
  while (keyCount < count) {
    const result = await calls.stored(keyOf(keyCount++));
    if (JSON.stringify(result) !== EXPECTED) throw new Error(`${name}: another result`);
  }
  nextKey = count;
  return { checked: true };
}

/** @param {{ kind: string, count: number }} load */
async function measure({ kind, count }) {
  const call = KINDS[kind];
  if (!call) throw new Error(`Cannot measure "${kind}": choose from ${Object.keys(KINDS)}`);
  if (kind === 'cached') for (let n = 0; n < 64; n++) await calls.cached(keyOf(n));
  const runsBefore = runCount;
  const before = process.cpuUsage();
  let result;
  for (let n = 0; n < count; n++) result = await call();
  const { user, system } = process.cpuUsage(before);
  if (JSON.stringify(result) !== EXPECTED) throw new Error(`${name}: another result`);
  const wanted = kind === 'first' || calls.first === makeResult ? count : 0;
  if (runCount - runsBefore !== wanted) {
    throw new Error(
      `${name}, ${kind}: ${count} calls ran the function ${runCount - runsBefore} times`,
    );
  }
  return { cpuUs: (user + system) / count };
}
