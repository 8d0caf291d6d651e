/**
 * A process for one contender, driven by `groups/fetch.mjs` over IPC.
 *
 * Messages: `{ kind: 'call', bodyBytes, count }` and `{ kind: 'replay', bodyBytes, count }` → `{ cpuUs }`, the
 * processor time of one call; `{ kind: 'stream', bodyBytes, count }` → `{ delayUs }`, the median time from the
 * server to the reader. The answer to each can be `{ error }`.
 */
import { buildNames, loadModule } from '../build.mjs';
import { median } from '../rounds.mjs';

const CALLERS = 8;
const EVENTS = 40;
const [name = '', url = ''] = process.argv.slice(2);

/** @type {(url: string, init: RequestInit) => Promise<Response>} */
let way = fetch;
if (buildNames().includes(name)) {
  const { idempotentFetch } = await loadModule(name, 'fetch/fetch.js');
  const { memoryStore } = await loadModule(name, 'store/memory.js');
  way = idempotentFetch({ store: memoryStore() });
}

process.on('message', async (/** @type {any} */ message) => {
  try {
    process.send?.(message.kind === 'stream' ? await delayOf(message) : await cpuOf(message));
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
});
process.on('disconnect', () => process.exit());

let callCount = 0;

/**
 * @param {number} bodyBytes
 * @param {number} n another number makes another request
 */
function initOf(bodyBytes, n) {
  const messages = [{ role: 'user', content: 'x'.repeat(bodyBytes - 70) }];
  const body = JSON.stringify({ n, model: 'm', messages });
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

/** @param {{ kind: string, bodyBytes: number, count: number }} load */
async function cpuOf({ kind, bodyBytes, count }) {
  if (kind === 'replay') await call(bodyBytes, 0);
  let left = count;
  const caller = async () => {
    while (left-- > 0) await call(bodyBytes, kind === 'replay' ? 0 : ++callCount);
  };
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: kind === 'replay' ? 1 : CALLERS }, caller));
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / count };
}

/**
 * @param {number} bodyBytes
 * @param {number} n
 */
async function call(bodyBytes, n) {
  const response = await way(`${url}/call`, initOf(bodyBytes, n));
  const text = await response.text();
  if (text !== '{"ok":true}') throw new Error(`${name}: another response, ${text.slice(0, 80)}`);
}

/** @param {{ bodyBytes: number, count: number }} load */
async function delayOf({ bodyBytes, count }) {
  /** @type {number[]} */
  const delaysUs = [];
  for (let n = 0; n < count; n++) {
    const response = await way(`${url}/stream`, initOf(bodyBytes, ++callCount));
    const chunks = /** @type {any} */ (response.body?.pipeThrough(new TextDecoderStream()));
    for await (const chunk of chunks) {
      const now = process.hrtime.bigint();
      for (const [, sentAtNs] of chunk.matchAll(/"sentAtNs":(\d+)/g)) {
        delaysUs.push(Number(now - BigInt(sentAtNs)) / 1e3);
      }
    }
  }
  if (delaysUs.length !== count * EVENTS) throw new Error(`${name}: ${delaysUs.length} events`);
  return { delayUs: median(delaysUs) };
}
