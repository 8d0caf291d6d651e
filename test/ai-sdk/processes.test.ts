import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { provide } from './models.js';

const PROGRAM = fileURLToPath(new URL('worker.mjs', import.meta.url));
const run = promisify(execFile);

interface Told {
  readonly texts: readonly string[];
  readonly outcomes: readonly string[];
}

describeWith('redis-server', hasRedis, 'the AI SDK in processes that share a Redis', () => {
  it('asks once for all of them, whole and as a stream', async () => {
    const redis = await startRedis();
    try {
      const provider = await provide({ workMs: 300 });
      const ask = async (): Promise<Told> => {
        const { stdout } = await run(process.execPath, [PROGRAM, provider.url, redis.url, 'Hello']);
        return JSON.parse(stdout);
      };
      const told = [...(await Promise.all([ask(), ask()])), await ask()];
      for (const { texts } of told) expect(texts).toEqual(told[0]?.texts);
      expect(provider.billedCount()).toBe(2);
      const outcomes = told.flatMap(({ outcomes }) => outcomes);
      expect(outcomes.filter((outcome) => outcome === 'executed')).toHaveLength(2);
      expect(told[2]?.outcomes).toEqual(['replayed', 'replayed']);
    } finally {
      await redis.stop();
    }
  });
});
