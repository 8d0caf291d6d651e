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

/** Orders with `hold` are answered after the message `{ release: true }`. */
let release = () => {};
let released = new Promise((resolve) => {
  release = () => resolve(undefined);
});

const handler = (/** @type {any} */ order) => {
  const confirmation = { number: ++runCount, ...order };
  return order.hold ? released.then(() => confirmation) : confirmation;
};

const start = FRAMEWORKS[framework];
if (!start) throw new Error(`Cannot start ${framework}: choose from ${Object.keys(FRAMEWORKS)}`);
const server = await start(guard, handler);
server.keepAliveTimeout = 60_000;
let requestCount = 0;
server.on('request', () => requestCount++);

process.on('disconnect', () => process.exit());
process.on('message', (/** @type {any} */ message) => {
  if (message.release) {
    release();
    released = new Promise((resolve) => {
      release = () => resolve(undefined);
    });
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
