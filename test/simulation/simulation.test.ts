import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deep } from '../depth.js';
import { mended } from './mended.js';
import { bundleSimulator, merge, runTask, runTasks, show } from './simulate.mjs';
import type { Summary } from './worker.js';

/** The configurations that every test run explores with two deviations; `--deviations 2` explores all. */
const SHORT =
  /^(one call.*|two calls in one process|two processes|hold|waitMs|reject duplicates|aborts, .*|close)$/;
const SEEDS = deep(500, 10_000);
/** The configurations that `npm test` explores with two deviations. */
const SHORTEST = /^(one call|two calls in one process|hold)$/;
/** The machine may be slow and busy. The timeout only catches a test that hangs. */
const PATIENCE_MS = 30 * 60_000;

const folder = mkdtempSync(join(tmpdir(), 'samekey-simulation-'));
let bundle: string;
beforeAll(async () => {
  bundle = await bundleSimulator(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function expectNothing({ violations, ...counts }: Summary): void {
  console.log(JSON.stringify(counts));
  expect(violations.map(show).join('\n')).toBe('');
}

describe('the real code under a scheduler', () => {
  it(
    `keeps its promises in every schedule with one deviation, in ${deep('every third configuration', 'all configurations')}`,
    async () => {
      const all = await runTask(bundle, { does: 'list' });
      const names = all.filter((_, at) => at % deep(3, 1) === 0);
      const tasks = names.map((name) => ({ does: 'explore', name, most: 1 }) as const);
      expectNothing(merge(await runTasks(bundle, tasks, 1)));
    },
    PATIENCE_MS,
  );

  it(
    `keeps its promises in every schedule with two deviations, in the ${deep('shortest', 'short')} configurations`,
    async () => {
      const names = await runTask(bundle, { does: 'list' });
      const short = names.filter((name) => deep(SHORTEST, SHORT).test(name));
      const tasks = short.map((name) => ({ does: 'explore', name, most: 2 }) as const);
      expectNothing(merge(await runTasks(bundle, tasks, 1)));
    },
    PATIENCE_MS,
  );

  it(
    `keeps its promises in schedules with more deviations, by ${SEEDS} seeds`,
    async () => {
      const [summary] = await runTasks(bundle, [{ does: 'seeds', from: 0, to: SEEDS }], 1);
      expectNothing(summary as Summary);
    },
    PATIENCE_MS,
  );

  it('no longer does what it did', async () => {
    const tasks = mended.map(({ schedule }) => ({ does: 'replay', schedule }) as const);
    const replayed = await runTasks(bundle, tasks, 1);
    const violated = mended.filter((_, i) => replayed[i]?.violation !== undefined);
    expect(violated).toEqual([]);
    expect(replayed).toHaveLength(mended.length);
  });

  it('is the same in every run of a seed, and when it is replayed', async () => {
    const first = await runTask(bundle, { does: 'seed', seed: 12 });
    const second = await runTask(bundle, { does: 'seed', seed: 12 });
    const replayed = await runTask(bundle, { does: 'replay', schedule: first.schedule });
    expect(second).toEqual(first);
    expect(replayed.log).toEqual(first.log);
    expect(first.schedule).toContain(' / ');
  });
});
