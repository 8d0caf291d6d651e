/** A long file of JSON lines → keys: on the main thread, and in a pool of threads. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../machine.mjs';
import { blockBytes, expectedDigest } from '../pool/lines.mjs';
import { median } from '../rounds.mjs';

const MIB = 2 ** 20;
/** 0 means no pool: batches of lines through `keysOfJson` on the main thread. */
const THREADS = [0, 1, 2];
const keysProcess = fileURLToPath(new URL('../pool/keys.mjs', import.meta.url));

/** @typedef {{ digest: string, seconds: number, lineCount: number, rssGrowthMiB: number }} Report */

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'samekey/pool: JSON lines → keys',
  async measure({ quick }) {
    const blockCount = Math.ceil((quick ? 64 * MIB : 1024 * MIB) / blockBytes);
    const roundCount = 3;
    const expected = expectedDigest(blockCount);

    /** @type {Map<number, Report[]>} */
    const reports = new Map(THREADS.map((threads) => [threads, []]));
    for (let round = 0; round < roundCount; round++) {
      for (const threads of round % 2 ? THREADS.toReversed() : THREADS) {
        const report = await keys(threads, blockCount);
        if (report.digest !== expected) {
          throw new Error(`pool: ${threads} threads give other keys than node:crypto`);
        }
        reports.get(threads)?.push(report);
      }
    }

    const alone = reports.get(0) ?? [];
    const bytes = blockCount * blockBytes;
    const runs = [...reports].map(([threads, all]) => {
      const over = all.map(({ seconds }, round) => (alone[round]?.seconds ?? 0) / seconds);
      return {
        threads,
        mbPerSecond: Math.round(bytes / 1e6 / median(all.map(({ seconds }) => seconds))),
        overNone: Number(median(over).toFixed(3)),
        rssGrowthMiB: Number(median(all.map(({ rssGrowthMiB }) => rssGrowthMiB)).toFixed(1)),
      };
    });
    return { mib: Math.round(bytes / MIB), lineCount: alone[0]?.lineCount, roundCount, runs };
  },
};

/**
 * @param {number} threads
 * @param {number} blockCount
 * @returns {Promise<Report>}
 */
async function keys(threads, blockCount) {
  const child = spawn(process.execPath, [keysProcess, String(threads), String(blockCount)], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  const report = output ? JSON.parse(output) : { error: `its process ended (${code})` };
  if (report.error) throw new Error(`${threads} threads: ${report.error}`);
  return report;
}
