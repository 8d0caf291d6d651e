import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Mutation, mutations } from './mutations.js';
import { bundleSimulator, runTask } from './simulate.mjs';

const folder = mkdtempSync(join(tmpdir(), 'samekey-mutations-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The invariants that are violated. */
async function violated(mutation: Mutation): Promise<string[]> {
  const bundle = await bundleSimulator(folder, mutation);
  const { seenIn, deviations = 1 } = mutation;
  if (seenIn.includes(' / ')) {
    const { violation } = await runTask(bundle, { does: 'replay', schedule: seenIn });
    return violation === undefined ? [] : [violation.invariant];
  }
  const task = { does: 'explore', name: seenIn, most: deviations, until: mutation.breaks } as const;
  const { violations } = await runTask(bundle, task);
  return violations.map(({ invariant }) => invariant);
}

describe('what the simulator notices', () => {
  it.each(mutations)('$name', async (mutation) => {
    expect(await violated(mutation)).toContain(mutation.breaks);
  });

  it('is tried for every invariant, and the page describes each', () => {
    const source = readFileSync(new URL('observed.ts', import.meta.url), 'utf8');
    const names = [...source.matchAll(/^ {2}\| '(.*)'/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(20);
    expect(new Set(mutations.map(({ breaks }) => breaks))).toEqual(new Set(names));
    const page = readFileSync(new URL('../../docs/simulation.md', import.meta.url), 'utf8');
    const titles = [...page.matchAll(/^### (.*)$/gm)].map(([, title]) => title?.toLowerCase());
    expect(titles.sort()).toEqual([...names].sort());
  });
});
