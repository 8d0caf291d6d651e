/** Distinct keys on every store, and on the same Redis by other packages. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { startChild } from '../child.mjs';
import { contendersOf, NODE_IDEMPOTENCY, POWERTOOLS } from '../once/contenders.mjs';
import { processTreeMicros } from '../once/footprint.mjs';
import { startPostgresServer } from '../once/postgres-server.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const throughputProcess = fileURLToPath(new URL('../once/throughput-process.mjs', import.meta.url));
const WARM_UP = 2500;

/** @typedef {{ store: string, callers: number, count: number, ratioTo: string[] }} Plan */

/** @type {readonly Plan[]} */
const PLANS = [
  { store: 'Redis', callers: 64, count: 4000, ratioTo: [POWERTOOLS, NODE_IDEMPOTENCY] },
  { store: 'PostgreSQL', callers: 256, count: 2000, ratioTo: [] },
  { store: 'LMDB', callers: 32, count: 2000, ratioTo: [] },
  { store: 'memory', callers: 64, count: 4000, ratioTo: [] },
];

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/once: distinct keys',
  note:
    'One process calls a function that has its receipt of 1 KiB at once, each time with a new key. ' +
    'The servers run on the same machine with default settings, Redis without persistence. Every process ' +
    `has handled ${WARM_UP} keys before it is measured. All use @redis/client, @node-idempotency/core in its ` +
    'own version 4.',
  async measure({ quick, rounds }) {
    const redis = await startRedisServer();
    const postgres = await startPostgresServer();
    const observer = new Redis(redis.port);
    const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-lmdb-'));
    const servers = {
      redisUrl: `redis://127.0.0.1:${redis.port}`,
      postgresUrl: postgres.url,
      folder,
    };
    /** The processor time of each server since its start. @type {Record<string, () => Promise<number>>} */
    const serverUs = {
      Redis: async () => redisMicros(await observer.info('cpu')),
      PostgreSQL: async () => processTreeMicros(postgres.pid),
    };
    try {
      const measures = [];
      for (const plan of PLANS) {
        const sized = quick ? { ...plan, count: plan.count / 10 } : plan;
        measures.push(...(await measureStore(sized, servers, serverUs[plan.store], rounds)));
      }
      return { measures };
    } finally {
      observer.disconnect();
      await Promise.all([redis.stop(), postgres.stop()]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/**
 * @param {Plan} plan
 * @param {import('../once/contenders.mjs').Servers} servers
 * @param {(() => Promise<number>) | undefined} serverUs
 * @param {number} rounds
 */
async function measureStore({ store, callers, count, ratioTo }, servers, serverUs, rounds) {
  const contenders = Object.keys(contendersOf(store)).map((name) => ({
    name,
    ...startChild(`${store}, ${name}`, throughputProcess, [store, name]),
  }));
  try {
    for (const { ask } of contenders) {
      await ask({ servers });
      await ask({ callers, count: WARM_UP });
    }
    const figures = await measureInTurn(contenders, rounds, async ({ ask }) => {
      const before = await serverUs?.();
      const { perSecond, cpuUs } = await ask({ callers, count });
      if (before === undefined || !serverUs) return { perSecond, cpuUs };
      return { perSecond, cpuUs, serverUs: ((await serverUs()) - before) / count };
    });
    const what = `${store}, ${callers} at once`;
    return /** @type {const} */ ([
      ['perSecond', 'keys', 'a second'],
      ['cpuUs', 'processor time of the caller', 'µs'],
      ['serverUs', 'processor time of the server', 'µs'],
    ])
      .filter(([figure]) => figure in figures)
      .map(([figure, label, unit]) =>
        measureOf({ id: `${store} ${figure}`, what: `${what}: ${label}`, unit }, figures[figure], {
          ratioTo,
        }),
      );
  } finally {
    for (const { stop } of contenders) await stop();
  }
}

/** @param {string} info */
function redisMicros(info) {
  const seconds = (/** @type {string} */ kind) =>
    Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1]);
  return (seconds('user') + seconds('sys')) * 1e6;
}
