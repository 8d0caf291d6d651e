/** Orders for the servers of the benchmark. */
import { fileURLToPath } from 'node:url';
import { startChild } from '../child.mjs';
import { BARE } from './servers.mjs';

const serverProcess = fileURLToPath(new URL('server-process.mjs', import.meta.url));

/** @typedef {ReturnType<typeof startChild>} Server */

/**
 * @param {string} framework
 * @param {string} guard
 * @param {string[]} [execArgv]
 */
export const startServer = (framework, guard, execArgv) =>
  startChild(`${framework}, ${guard}`, serverProcess, [framework, guard], execArgv);

export const KINDS = /** @type {const} */ (['new', 'duplicate']);
/** @typedef {typeof KINDS[number]} Kind */

let orderCount = 0;

/**
 * A duplicate repeats one of the last orders. Each order has its own key.
 *
 * @param {Kind} kind
 * @param {number} bodyBytes
 * @param {number} count
 */
export function* orders(kind, bodyBytes, count) {
  if (kind === 'new') orderCount += count;
  for (let n = orderCount - count; n < orderCount; n++) yield orderOf(`order-${n}`, bodyBytes);
}

/**
 * One order, sent many times. The server answers after a message to its process.
 *
 * @param {number} bodyBytes
 * @param {number} count
 * @returns {import('./load.mjs').Message[]}
 */
export const heldOrders = (bodyBytes, count) =>
  new Array(count).fill(orderOf(`held-${orderCount++}`, bodyBytes, { hold: true }));

/**
 * @param {string} key
 * @param {number} bodyBytes
 * @param {object} [more]
 * @returns {import('./load.mjs').Message}
 */
function orderOf(key, bodyBytes, more) {
  const empty = JSON.stringify({ id: key, item: 'A1', quantity: 2, ...more, note: '' });
  const note = 'x'.repeat(bodyBytes - empty.length);
  return { path: '/orders', key, body: `${empty.slice(0, -2)}${note}"}` };
}

/**
 * Two requests with one key: a guard gives both the same response.
 *
 * @param {string} guard
 * @param {Server} server
 * @param {number} bodyBytes
 */
export async function check(guard, { ask }, bodyBytes) {
  const { port } = await ask({});
  const { path, key, body } = orderOf('check', bodyBytes);
  for (const run of [1, guard === BARE ? 2 : 1]) {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      body,
      headers,
    });
    const text = await response.text();
    const wanted = JSON.stringify({ number: run, ...JSON.parse(body) });
    if (text !== wanted) throw new Error(`${guard}: got ${text.slice(0, 80)}, wanted order ${run}`);
  }
}
