/**
 * A process for one contender, driven by `groups/once-encryption.mjs` over IPC: `once` with encrypted or
 * plain results, on Redis and on a memory store, without its cache.
 *
 * Messages: `{ redisUrl }` → `{ checked: true }`; `{ kind, count }` → `{ us, cpuUs }`, the time and the
 * processor time of one call. The answer to either can be `{ error }`.
 */
import { buildNames, loadModule, SAMEKEY } from '../build.mjs';
import { textOf } from './contenders.mjs';

const PLAIN = 'without encryption';
const BY_WEB_CRYPTO = 'by Web Crypto';

const RESULT_BYTES = 2048;
const STORED_KEYS = 1000;
const KEY = { id: '2026-11', key: new Uint8Array(32).fill(7) };

const [name = ''] = process.argv.slice(2);
const build = buildNames().includes(name) ? name : SAMEKEY;
const result = { text: textOf(RESULT_BYTES) };
const wanted = JSON.stringify(result);

let runCount = 0;
const makeResult = async () => {
  runCount++;
  return result;
};

/** @typedef {(key: string) => Promise<unknown>} Call */

/** @type {Record<string, Call>} */
const calls = {};
let keyCount = 0;
const nextKey = () =>
  `ik_${`${process.pid.toString(16)}0${(keyCount++).toString(16).padStart(40, '0')}`.padStart(64, '0')}`;
/** @type {string[]} */
const storedKeys = [];

/** @returns {Promise<object>} the option of `createOnce` */
async function encryption() {
  if (name === PLAIN) return {};
  const { encryptedCodec } = await loadModule(build, 'once/index.js');
  const { getBuiltinModule } = process;
  if (name === BY_WEB_CRYPTO) process.getBuiltinModule = () => undefined;
  try {
    return { codec: encryptedCodec({ keys: [KEY] }) };
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
}

/** @param {string} redisUrl */
async function open(redisUrl) {
  const { createOnce } = await loadModule(build, 'once/index.js');
  const { memoryStore } = await loadModule(build, 'store/memory.js');
  const { redisStore } = await loadModule(build, 'store/redis.js');
  const { createClient } = await import('@redis/client');
  const client = await createClient({ url: redisUrl }).connect();
  const options = { cache: false, ...(await encryption()) };
  const onRedis = createOnce({ ...options, store: redisStore({ client }) });
  const inMemory = createOnce({ ...options, store: memoryStore() });
  calls.Redis = (key) => onRedis(key, makeResult);
  calls.memory = (key) => inMemory(key, makeResult);
  for (let n = 0; n < STORED_KEYS; n++) storedKeys.push(nextKey());
  for (const call of Object.values(calls)) {
    for (const key of storedKeys) await call(key);
    const before = runCount;
    if (JSON.stringify(await call(nextKey())) !== wanted)
      throw new Error(`${name}: another result`);
    if (JSON.stringify(await call(/** @type {string} */ (storedKeys[0]))) !== wanted) {
      throw new Error(`${name}: another replay`);
    }
    if (runCount !== before + 1) throw new Error(`${name}: a replay ran the function`);
  }
  return { checked: true };
}

/** @param {{ kind: string, count: number }} load `kind` is such as `Redis first` or `memory stored` */
async function measure({ kind, count }) {
  const [store = '', which] = kind.split(' ');
  const call = /** @type {Call} */ (calls[store]);
  const keys = Array.from({ length: count }, (_, n) =>
    which === 'first' ? nextKey() : /** @type {string} */ (storedKeys[n % STORED_KEYS]),
  );
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (const key of keys) await call(key);
  const us = ((performance.now() - startedAt) * 1e3) / count;
  const { user, system } = process.cpuUsage(cpu);
  return { us, cpuUs: (user + system) / count };
}

process.on('message', async (/** @type {any} */ message) => {
  try {
    process.send?.(message.redisUrl ? await open(message.redisUrl) : await measure(message));
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
});
process.on('disconnect', () => process.exit());
