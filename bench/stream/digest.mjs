/** A fresh process: `node digest.mjs <engine> <byteCount>` prints its key and memory as JSON. */
import { keyOfStream, useEngine } from '../../dist/index.js';
import { chunks } from './chunks.mjs';

const [engine, byteCount] = process.argv.slice(2);
useEngine(/** @type {'auto' | 'wasm'} */ (engine));

const MIB = 2 ** 20;
const CHUNKS_PER_SAMPLE = 16;
const startRss = process.memoryUsage.rss();
let peakRss = startRss;
let chunkCount = 0;
const sample = () => {
  if (chunkCount++ % CHUNKS_PER_SAMPLE === 0) {
    peakRss = Math.max(peakRss, process.memoryUsage.rss());
  }
};

const start = performance.now();
const key = await keyOfStream(chunks(Number(byteCount), sample));
const seconds = (performance.now() - start) / 1000;
peakRss = Math.max(peakRss, process.memoryUsage.rss());

const rssGrowthMiB = Number(((peakRss - startRss) / MIB).toFixed(1));
console.log(JSON.stringify({ key, rssGrowthMiB, seconds }));
