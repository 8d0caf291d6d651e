/** What it costs to encrypt results. */
import { fileURLToPath } from 'node:url';
import { startRedisServer } from '../../examples/once/redis-server.mjs';
import { buildNames } from '../build.mjs';
import { startChild } from '../child.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const encryptionProcess = fileURLToPath(new URL('../once/encryption-process.mjs', import.meta.url));
const PLAIN = 'without encryption';
const BY_WEB_CRYPTO = 'by Web Crypto';
const COUNT = 4000;

/** @type {readonly (readonly [kind: string, what: string])[]} */
const KINDS = [
  ['Redis first', 'a first run on Redis'],
  ['Redis stored', 'a replay from Redis'],
  ['memory first', 'a first run in memory'],
  ['memory stored', 'a replay from memory'],
];

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/once: encrypted results',
  note:
    'One call after another of an async function that has its result of 2 KiB at once, without the cache of the ' +
    'process. `samekey` encrypts by `node:crypto`. Redis runs on the same machine.',
  async measure({ quick, rounds }) {
    const count = quick ? COUNT / 10 : COUNT;
    const redis = await startRedisServer();
    const contenders = [PLAIN, ...buildNames(), BY_WEB_CRYPTO].map((name) => ({
      name,
      ...startChild(`once-encryption, ${name}`, encryptionProcess, [name]),
    }));
    try {
      for (const { ask } of contenders) await ask({ redisUrl: `redis://127.0.0.1:${redis.port}` });
      const measures = [];
      for (const [kind, what] of KINDS) {
        for (const { ask } of contenders) await ask({ kind, count });
        const figures = await measureInTurn(contenders, rounds, ({ ask }) => ask({ kind, count }));
        const against = { ratioTo: [PLAIN], addedTo: [PLAIN] };
        measures.push(
          measureOf({ id: kind, what, unit: 'µs' }, figures.us, against),
          measureOf(
            { id: `${kind} cpuUs`, what: `${what}: processor time`, unit: 'µs' },
            figures.cpuUs,
            against,
          ),
        );
      }
      return { measures };
    } finally {
      for (const { stop } of contenders) await stop();
      await redis.stop();
    }
  },
};
