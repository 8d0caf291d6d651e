/** 4 GiB through `keyOfStream`: whether memory stays flat and the digest is right. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../machine.mjs';
import { chunks } from '../stream/chunks.mjs';

const GIB = 2 ** 30;
const digestProcess = fileURLToPath(new URL('../stream/digest.mjs', import.meta.url));

/**
 * @typedef {object} StreamRun
 * @property {string} engine
 * @property {number} rssGrowthMiB
 * @property {number} gbPerSecond
 * @property {boolean} digestRight
 */

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'keyOfStream: resident memory',
  async measure({ quick }) {
    const byteCount = quick ? GIB / 4 : 4 * GIB;
    const expected = createHash('sha256');
    for await (const chunk of chunks(byteCount)) expected.update(chunk);
    const expectedKey = `ik_${expected.digest('hex')}`;

    /** @type {StreamRun[]} */
    const runs = [];
    for (const engine of ['auto', 'wasm']) {
      const { key, rssGrowthMiB, seconds } = await digest(engine, byteCount);
      if (key !== expectedKey) {
        throw new Error(`stream: samekey ${engine} gives ${key}, expected ${expectedKey}`);
      }
      runs.push({
        engine,
        rssGrowthMiB,
        gbPerSecond: Number((byteCount / 1e9 / seconds).toFixed(2)),
        digestRight: true,
      });
    }
    return { gib: byteCount / GIB, runs };
  },
};

/**
 * @param {string} engine
 * @param {number} byteCount
 * @returns {Promise<{ key: string, rssGrowthMiB: number, seconds: number }>}
 */
async function digest(engine, byteCount) {
  const child = spawn(process.execPath, [digestProcess, engine, String(byteCount)], {
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`stream: the process of samekey ${engine} ended (${code})`);
  return JSON.parse(output);
}
