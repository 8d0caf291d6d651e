/**
 * A process for one contender, driven by `groups/once-stores.mjs` over IPC.
 *
 * Messages: `{ servers }` → `{ checked: true }`; `{ callers, count }` → `{ perSecond, cpuUs }`, where
 * `cpuUs` is the processor time of a key. The answer to either can be `{ error }`.
 */
import { contendersOf, textOf } from './contenders.mjs';

const RECEIPT_BYTES = 1024;
const [store = '', name = ''] = process.argv.slice(2);
const text = textOf(RECEIPT_BYTES);

/** How often the function ran, by order. */
let runCount = 0;
/** @type {import('./contenders.mjs').Way} */
const receiptOf = async ({ id }) => {
  runCount++;
  return { order: id, text };
};

/** @type {import('./contenders.mjs').Way} */
let run;
let orderCount = 0;
const nextOrder = () => ({ id: `${process.pid}-${name}-${orderCount++}` });

process.on('message', async (/** @type {any} */ message) => {
  try {
    process.send?.(message.servers ? await open(message.servers) : await measure(message));
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
});
process.on('disconnect', () => process.exit());

/** @param {import('./contenders.mjs').Servers} servers */
async function open(servers) {
  run = await /** @type {import('./contenders.mjs').Contender} */ (contendersOf(store)[name])(
    servers,
    receiptOf,
  );
  const order = nextOrder();
  const wanted = JSON.stringify({ order: order.id, text });
  for (const which of ['first', 'second']) {
    const receipt = await run(order);
    if (JSON.stringify(receipt) !== wanted) {
      throw new Error(`${name}: the ${which} call gives ${JSON.stringify(receipt).slice(0, 80)}`);
    }
  }
  if (runCount !== 1) throw new Error(`${name}: two calls ran the function ${runCount} times`);
  return { checked: true };
}

/** @param {{ callers: number, count: number }} load */
async function measure({ callers, count }) {
  let left = count;
  const caller = async () => {
    while (left-- > 0) await run(nextOrder());
  };
  const before = process.cpuUsage();
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - startedAt) / 1e3;
  const { user, system } = process.cpuUsage(before);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}
