import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../cli/program.js';
import { isDeep, isDeepest } from '../depth.js';
import { SHARED_STORES } from '../store/all-stores.js';

const PROGRAM = fileURLToPath(new URL('run.mjs', import.meta.url));

/** Another program's library is in no process of these. */
const PROGRAMS = /^(?:cli|dashboard|playground|proxy|pool)\//;

/** The language itself reads it from every value. */
const OF_THE_LANGUAGE = ['toJSON', 'then'];

/** The names of all members in src that may be missing: optional ones, and those that `in` asks for. */
function optionalNames(): string[] {
  const names = new Set<string>();
  const source = join(ROOT, 'src');
  for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || PROGRAMS.test(file)) continue;
    const text = readFileSync(join(source, file), 'utf8');
    for (const [, name] of text.matchAll(/\b([a-zA-Z_]\w*)\?[:(]/g)) names.add(name as string);
    for (const [, name] of text.matchAll(/'(\w+)' in /g)) names.add(name as string);
    // Options are optional by their specification: `ttlMs: duration({ … })`.
    if (!/options\.ts$/.test(file)) continue;
    for (const [, name] of text.matchAll(/^ {2}(\w+): (?:\w+|\/\*.*\*\/ \w+)\(/gm)) {
      names.add(name as string);
    }
  }
  for (const name of OF_THE_LANGUAGE) names.delete(name);
  return [...names].filter((name) => !(name in Object.prototype)).sort();
}

interface Failure {
  readonly scenario: string;
  readonly name: string;
  readonly value: string;
  readonly found: string;
  readonly wanted: string;
}
interface Report {
  readonly failures: readonly Failure[];
  readonly skipped: readonly string[];
  readonly runs: number;
}

async function report(job: {
  readonly names: readonly string[];
  readonly values: readonly string[];
  readonly scenarios: string;
  readonly stores?: Readonly<Record<string, object>>;
}): Promise<Report> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', PROGRAM, JSON.stringify(job)],
    { maxBuffer: 1024 ** 3, cwd: ROOT },
  );
  return JSON.parse(stdout);
}

const names = optionalNames();

function expectNoFailure({ failures, skipped, runs }: Report) {
  // The first ones say enough.
  const shown = failures
    .slice(0, 5)
    .map((each) => `${each.scenario}, ${each.name} (${each.value}): ${each.found.slice(0, 500)}`);
  expect(failures.length, shown.join('\n\n')).toBe(0);
  expect(runs).toBeGreaterThan(skipped.length);
}

describe('a library that sets a member of Object.prototype', () => {
  it('may use any name that samekey reads', () => {
    expect(names).toEqual(
      expect.arrayContaining(['error', 'isFailure', 'isLast', 'former', 'fresh', 'onFirst']),
    );
    expect(names).toEqual(expect.arrayContaining(['ttlMs', 'storeTimeoutMs', 'headerName']));
  });

  it('changes no run, no answer and no server', async () => {
    const scenarios = '^(?:once|fetch, JSON|server)$';
    expectNoFailure(await report({ names, values: ['text'], scenarios }));
  });

  it('is noticed: a program that reads an inherited member fails the test', async () => {
    const { failures } = await report({ names: ['leak'], values: ['text'], scenarios: '^leak$' });
    expect(failures.map(({ name }) => name)).toEqual(['leak']);
  });

  const TIMEOUT_MS = 10 * 60 * 1000;
  // Their applications take minutes for all names: `npm run explore` runs them.
  const SLOW_GROUPS = isDeepest ? ['^(?:express|koa)', '^fastify'] : [];
  const GROUPS = ['^once', '^fetch', '^(?:retry|the AI|batch|server|hono)', ...SLOW_GROUPS];
  it.runIf(isDeep).each(GROUPS)(
    'changes nothing in the scenarios %s',
    async (scenarios) => {
      expectNoFailure(await report({ names, values: ['text', 'function'], scenarios }));
    },
    TIMEOUT_MS,
  );

  /**
   * The clients of the others read inherited members themselves: mysql2 a `timeout`, Upstash's a `path`,
   * and the AWS SDK every one.
   */
  const CLEAN = ['redis', 'ioredis', 'postgres', 'lmdb', 'sqlite'];
  /** node-redis reads it itself, and then throws an error five seconds later, in the run of another name. */
  const FAILS_LATER = 'abortSignal';
  const stores = SHARED_STORES.filter(({ kind, isThere }) => isThere && CLEAN.includes(kind));
  it.runIf(isDeep).each(stores)('changes nothing in the store $kind', async ({ kind, start }) => {
    const { at, stop } = await start();
    try {
      const places = { [kind]: { url: at, path: at } };
      const scenarios = `^store/${kind}$`;
      const used = kind === 'redis' ? names.filter((name) => name !== FAILS_LATER) : names;
      expectNoFailure(await report({ names: used, values: ['text'], scenarios, stores: places }));
    } finally {
      await stop();
    }
  });
});
