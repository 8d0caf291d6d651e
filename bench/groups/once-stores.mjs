/** Distinct keys per second on every store, and for other packages on the same Redis. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { startChild } from '../child.mjs';
import { CONTENDERS } from '../once/contenders.mjs';
import { startPostgresServer } from '../once/postgres-server.mjs';
import { median } from '../rounds.mjs';

const throughputProcess = fileURLToPath(new URL('../once/throughput-process.mjs', import.meta.url));
const SAMEKEY = 'samekey, Redis';
const PEERS = Object.keys(CONTENDERS).filter((name) => !name.startsWith('samekey'));

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/once: distinct keys per second',
  note:
    'One process with 64 callers, receipts of 1 KiB; servers of this machine as they come, Redis ' +
    'without persistence. All but "ioredis" and its own version 4 of @node-idempotency use @redis/client.',
  async measure({ quick, rounds }) {
    const redis = await startRedisServer();
    const postgres = await startPostgresServer();
    const folder = mkdtempSync(path.join(tmpdir(), 'samekey-bench-lmdb-'));
    const servers = {
      redisUrl: `redis://127.0.0.1:${redis.port}`,
      postgresUrl: postgres.url,
      folder,
    };
    const contenders = Object.keys(CONTENDERS).map((name) => ({
      name,
      ...startChild(name, throughputProcess, [name]),
    }));
    try {
      for (const { ask } of contenders) await ask({ servers });
      for (const { ask } of contenders) await ask({ measureMs: quick ? 300 : 2000 });
      /** @type {Record<string, number[]>} */
      const perSecond = Object.fromEntries(contenders.map(({ name }) => [name, []]));
      for (let round = 0; round < rounds; round++) {
        for (const { name, ask } of round % 2 ? contenders.toReversed() : contenders) {
          const reply = await ask({ measureMs: quick ? 300 : 1000 });
          perSecond[name]?.push(Math.round(reply.perSecond));
        }
      }
      return {
        perSecond: Object.fromEntries(
          Object.entries(perSecond).map(([name, values]) => [name, Math.round(median(values))]),
        ),
        rounds: perSecond,
        ratios: PEERS.map((over) => ({ of: SAMEKEY, over, times: ratio(perSecond, over) })),
      };
    } finally {
      for (const { stop } of contenders) await stop();
      await Promise.all([redis.stop(), postgres.stop()]);
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

/**
 * Computes the ratio for each round, so that a slow phase of the machine cancels out.
 *
 * @param {Record<string, number[]>} perSecond
 * @param {string} over
 */
function ratio(perSecond, over) {
  const others = perSecond[over] ?? [];
  const ratios = (perSecond[SAMEKEY] ?? []).map((each, round) => each / (others[round] ?? 0));
  return Number(median(ratios).toFixed(3));
}
