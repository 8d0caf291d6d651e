/**
 * A server for `groups/server.mjs`, in its own process: `node server-process.mjs FRAMEWORK GUARD`.
 * Answers every message over IPC with its port, its counts and, on request, its memory.
 */
import { PerformanceObserver } from 'node:perf_hooks';
import { FRAMEWORKS } from './servers.mjs';

const [framework = '', guard = ''] = process.argv.slice(2);

let runCount = 0;
let gcCount = 0;
new PerformanceObserver((list) => {
  gcCount += list.getEntries().length;
}).observe({ entryTypes: ['gc'] });

/** Orders with `hold` are answered when that many requests have arrived. */
let releaseAt = 0;
let release = () => {};
/** @type {Promise<void>} */
let released;
function hold() {
  released = new Promise((resolve) => {
    release = resolve;
  });
}
hold();

const handler = (/** @type {any} */ order) => {
  const confirmation = { number: ++runCount, ...order };
  return order.hold ? released.then(() => confirmation) : confirmation;
};

const start = FRAMEWORKS[framework];
if (!start) throw new Error(`Cannot start ${framework}: choose from ${Object.keys(FRAMEWORKS)}`);
const server = await start(guard, handler);
server.keepAliveTimeout = 60_000;
let requestCount = 0;
server.on('request', () => {
  if (++requestCount === releaseAt) release();
});

process.on('disconnect', () => process.exit());
process.on('message', (/** @type {any} */ message) => {
  if (message.release) release();
  if (message.holdFor) {
    hold();
    releaseAt = requestCount + message.holdFor;
  }
  if (message.collectGarbage) globalThis.gc?.();
  const { user, system } = process.cpuUsage();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    cpuUs: user + system,
    runCount,
    requestCount,
    gcCount,
    heapUsed,
    external,
  });
});
