import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { fetchWith, rejection, useUpstream } from './scene.js';

useUpstream();

it('a fetch that sends its own request again, and would wait for itself, is told so', async () => {
  const outer = fetchWith({ fetch: async (_input, _init) => outer.ask() });
  expect(await rejection(outer.ask())).toMatchObject({ code: 'SAMEKEY_DEADLOCK' });
});

it('so is one that takes the place of the platform’s fetch', async () => {
  const { fetch: platform } = globalThis;
  try {
    globalThis.fetch = async (_input, _init) => outer.ask();
    const outer = fetchWith();
    expect(await rejection(outer.ask())).toMatchObject({ code: 'SAMEKEY_DEADLOCK' });
  } finally {
    globalThis.fetch = platform;
  }
});

const PROGRAM = fileURLToPath(new URL('promise-hooks.mjs', import.meta.url));

// Node.js 24 follows promises at no cost, and has no hooks for that.
it('the platform’s own fetch turns no promise hooks on', () => {
  const run = (way: string) =>
    JSON.parse(execFileSync(process.execPath, [PROGRAM, way], { encoding: 'utf8' }));
  expect(run('platform')).toEqual({ outcome: 'executed', hasHooks: false });
  const isOld = Number(process.versions.node.split('.')[0]) < 24;
  expect(run('wrapped')).toEqual({ outcome: 'executed', hasHooks: isOld });
});
