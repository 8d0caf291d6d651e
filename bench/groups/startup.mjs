/** Import and first key in a fresh Node process, minus the time of a process that runs an empty script. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../machine.mjs';
import { canonicalText, sha256Hex } from '../reference.mjs';
import { median } from '../rounds.mjs';

const script = (/** @type {string} */ name) =>
  fileURLToPath(new URL(`../startup/${name}.mjs`, import.meta.url));

const request = {
  model: 'claude-sonnet-4-5',
  messages: [{ role: 'user', content: 'Hello' }],
};
const EXPECTED_KEY = `ik_${sha256Hex(canonicalText(request))}`;
const firstKey = script('first-key');

const EMPTY = 'empty script';
/** @type {{ name: string, path: string, env: Record<string, string> }[]} */
const CONTENDERS = [
  { name: EMPTY, path: script('empty'), env: {} },
  { name: 'samekey auto', path: firstKey, env: {} },
  { name: 'samekey wasm', path: firstKey, env: { SAMEKEY_ENGINE: 'wasm' } },
  { name: 'samekey js', path: firstKey, env: { SAMEKEY_ENGINE: 'js' } },
];

/** @type {import('./index.mjs').MeasuredGroup} */
export const group = {
  title: 'Import plus first key in a fresh process',
  async measure({ quick }) {
    const spawnCount = quick ? 10 : 30;
    /** @type {Map<string, number[]>} */
    const timesMs = new Map(CONTENDERS.map(({ name }) => [name, []]));
    // The first turn warms the file cache and checks the keys.
    for (let turn = -1; turn < spawnCount; turn++) {
      for (const { name, path, env } of turn % 2 ? CONTENDERS.toReversed() : CONTENDERS) {
        const ms = spawnMs(name, path, env);
        if (turn >= 0) timesMs.get(name)?.push(ms);
      }
    }

    const medianMs = Object.fromEntries(
      [...timesMs].map(([name, values]) => [name, milliseconds(median(values))]),
    );
    // They take turns, so that a slow phase of the machine does not count as time of samekey.
    const emptyMs = timesMs.get(EMPTY) ?? [];
    const overEmptyMs = Object.fromEntries(
      [...timesMs]
        .filter(([name]) => name !== EMPTY)
        .map(([name, values]) => {
          const over = values.map((ms, turn) => ms - (emptyMs[turn] ?? 0));
          return [name, milliseconds(median(over))];
        }),
    );
    return { spawnCount, medianMs, overEmptyMs };
  },
};

/**
 * @param {string} name
 * @param {string} path
 * @param {Record<string, string>} env
 */
function spawnMs(name, path, env) {
  const environment = cleanEnvironment({ ...env, EXPECTED_KEY });
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [path], { env: environment, stdio: 'ignore' });
  const ms = performance.now() - start;
  if (status !== 0) throw new Error(`startup: ${name} gives a wrong key or none (exit ${status})`);
  return ms;
}

/** @param {number} ms */
const milliseconds = (ms) => Number(ms.toFixed(2));
