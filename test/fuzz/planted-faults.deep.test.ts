import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readCorpus, targets } from './corpus.mjs';
import type { Target } from './target.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/** A fault for each target, which its oracle must notice: the file, a text in it, and the fault. */
const FAULTS: Readonly<Record<string, readonly [file: string, from: string, to: string]>> = {
  'batch-result': ['cli/member-text.ts', '(at - backslash) % 2 === 1', 'at > backslash'],
  'durable-object': ['store/durable-object/frame.ts', 'getUint32(0, true)', 'getUint32(0)'],
  'dynamodb-item': ['store/dynamodb/item.ts', 'payload.length > 0', 'payload.length > 9'],
  'event-stream': ['response/frame-reader.ts', '(hasLength ? 3 : 1)', '(hasLength ? 2 : 1)'],
  headers: ['request/key-header.ts', ".replace(/[\\\\\"]/g, '\\\\$&')", ''],
  identity: ['key/explain.ts', '[framePrefix(scopes), ', '[framePrefix([]), '],
  json: ['json/parse.ts', 'code !== 0x09)', 'code !== 0x0b)'],
  'json-values': ['response/json-reader.ts', 'depth === 1 && this.#hasElements)', 'depth === 2)'],
  'lambda-event': ['server/lambda/event.ts', 'encodeURIComponent(text)', 'encodeURI(text)'],
  'lmdb-row': ['store/lmdb/record-row.ts', 'former && { ...record, former }', 'record'],
  'log-lines': ['cli/lines.ts', 'before += end;', 'before = end;'],
  multipart: ['request/multipart.ts', 'Math.min(at + 2, end)', 'at'],
  path: [
    'json/path.ts',
    'end === undefined || index > at(end)',
    'end === undefined || index >= at(end)',
  ],
  'redis-record': [
    'store/redis/record-text.ts',
    "'awaited' ? 'running' : word",
    "'awaiting' ? 'running' : word",
  ],
  'request-target': ['proxy/request-target.ts', '|%2f|%5c|%3b|$)', '|%5c|%3b|$)'],
  response: ['response/json-reader.ts', 'this.#isScanning = true;', ''],
  'sql-row': ['store/one-line.ts', '|^"/u', '/u'],
  sse: ['response/line-feeds.ts', "endsWithReturn && part.startsWith('\\n')", 'false'],
  'stored-result': [
    'response/stored-response.ts',
    'subarray(4, bodyAt)',
    'subarray(4, bodyAt + 1)',
  ],
  usage: ['cost/usage.ts', 'Math.min(cacheRead, inputTokens)', 'cacheRead'],
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(ROOT, 'build', 'planted-faults-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Bundles a target with one text of one source replaced. */
async function targetWith(name: string): Promise<Target> {
  const [file, from, to] = FAULTS[name] ?? ['', '', ''];
  const outfile = join(folder, `${name}.cjs`);
  let plantedCount = 0;
  await build({
    entryPoints: [join(ROOT, 'test', 'fuzz', 'targets', `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    outfile,
    logLevel: 'error',
    plugins: [
      {
        name: 'plant a fault',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            if (!path.endsWith(join(sep, 'src', file))) return undefined;
            const parts = readFileSync(path, 'utf8').split(from);
            plantedCount += parts.length - 1;
            return { contents: parts.join(to), loader: 'ts' };
          });
        },
      },
    ],
  });
  expect(plantedCount, `${file} has the text once`).toBe(1);
  return require(outfile);
}

it.each(targets)('%s notices a fault in its reader', async (name) => {
  expect(Object.keys(FAULTS)).toContain(name);
  const { fuzz, seeds } = await targetWith(name);
  const inputs = [...seeds.map((seed) => Buffer.from(seed, 'latin1')), ...readCorpus(name)];
  const run = async () => {
    for (const input of inputs) await fuzz(input);
  };
  await expect(run()).rejects.toThrow();
});
