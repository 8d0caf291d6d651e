/** A fresh process: `node keys.mjs <threads> <blockCount>` prints a digest of its keys as JSON. */
import { createHash } from 'node:crypto';
import { keysOfJson } from '../../dist/index.js';
import { createPool } from '../../dist/pool/pool.js';
import { jsonLines } from './lines.mjs';

const [threads, blockCount] = process.argv.slice(2).map(Number);
const LF = 0x0a;
/** How many bytes of lines are passed on together, as in the pool. */
const BATCH_BYTES = 2 ** 20;
const MIB = 2 ** 20;

const startRss = process.memoryUsage.rss();
let peakRss = startRss;
const digest = createHash('sha256');
let lineCount = 0;

/** @param {string} key */
function take(key) {
  digest.update(`${key}\n`);
  if (++lineCount % 1024 === 0) peakRss = Math.max(peakRss, process.memoryUsage.rss());
}

/** @param {AsyncIterable<Uint8Array>} chunks */
async function onMainThread(chunks) {
  /** @type {Uint8Array[]} */
  let waiting = [];
  let waitingBytes = 0;
  /** @param {Uint8Array} lines complete ones */
  const work = (lines) => {
    const texts = [];
    let start = 0;
    for (let end = lines.indexOf(LF); end >= 0; end = lines.indexOf(LF, start)) {
      texts.push(lines.subarray(start, end));
      start = end + 1;
    }
    keysOfJson(texts).forEach(take);
  };
  for await (const chunk of chunks) {
    waiting.push(chunk);
    waitingBytes += chunk.length;
    if (waitingBytes < BATCH_BYTES) continue;
    const batch = Buffer.concat(waiting);
    const end = batch.lastIndexOf(LF) + 1;
    work(batch.subarray(0, end));
    waiting = [batch.subarray(end)];
    waitingBytes = batch.length - end;
  }
  work(Buffer.concat(waiting));
}

/** @param {AsyncIterable<Uint8Array>} chunks */
async function inPool(chunks) {
  const pool = createPool({ threads });
  try {
    for await (const { key } of pool.jsonLines(chunks)) take(key);
  } finally {
    await pool.close();
  }
}

try {
  const start = performance.now();
  await (threads === 0 ? onMainThread : inPool)(jsonLines(blockCount ?? 1));
  const seconds = (performance.now() - start) / 1000;
  const rssGrowthMiB = (peakRss - startRss) / MIB;
  console.log(JSON.stringify({ digest: digest.digest('hex'), seconds, lineCount, rssGrowthMiB }));
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  console.log(JSON.stringify({ error: message.split('\n', 1)[0] }));
}
