/** The processor time that `once` on a memory store adds to the call of a function. */
import { fileURLToPath } from 'node:url';
import { buildNames } from '../build.mjs';
import { startChild } from '../child.mjs';
import { measureInTurn, measureOf } from '../paired.mjs';

const callProcess = fileURLToPath(new URL('../once/call-process.mjs', import.meta.url));
const BARE = 'the bare function';
const CONTENDERS = [BARE, ...buildNames()];
const WARM_UP = 2500;
const COUNT = 10_000;

/** @type {import('./index.mjs').MeasuredGroup & { note: string }} */
export const group = {
  title: 'samekey/once: processor time of a call',
  note:
    'Processor time of one call. One call after another of an async function that has its result at once, memory store. A replay ' +
    'from the cache uses 64 keys; a replay from the store has the cache off and takes a random key. ' +
    `Each round has ${COUNT.toLocaleString('en')} calls, after a warm-up of ${(WARM_UP + COUNT).toLocaleString('en')}.`,
  async measure({ quick, rounds }) {
    const count = quick ? COUNT / 10 : COUNT;
    const storeSizes = quick ? [1000, 10_000] : [1000, 100_000, 1_000_000];
    const measures = [];
    for (const keyCount of storeSizes) {
      const kinds = keyCount === storeSizes[0] ? ['first', 'cached', 'stored'] : ['stored'];
      measures.push(...(await measureKinds(kinds, keyCount, count, rounds)));
    }
    return { measures };
  },
};

/**
 * @param {readonly string[]} kinds
 * @param {number} keyCount in the store
 * @param {number} count
 * @param {number} rounds
 */
async function measureKinds(kinds, keyCount, count, rounds) {
  const contenders = CONTENDERS.map((name) => ({
    name,
    ...startChild(`once, ${name}`, callProcess, [name]),
  }));
  const label = `a replay from the store, ${keyCount.toLocaleString('en')} keys`;
  try {
    for (const { ask } of contenders) await ask({ keyCount });
    const measures = [];
    for (const kind of kinds) {
      for (const { ask } of contenders) {
        for (const each of [WARM_UP, count]) await ask({ kind, count: each });
      }
      const { cpuUs } = await measureInTurn(contenders, rounds, ({ ask }) => ask({ kind, count }));
      const what = { first: 'a first run', cached: 'a replay from the cache' }[kind] ?? label;
      const id = kind === 'stored' ? `stored ${keyCount}` : kind;
      measures.push(measureOf({ id, what, unit: 'µs' }, cpuUs, { addedTo: [BARE] }));
    }
    return measures;
  } finally {
    for (const { stop } of contenders) await stop();
  }
}
