/**
 * The Worker in Cloudflare's own runtime, on this machine and without a network:
 * `npm install samekey wrangler miniflare`, then `node local.mjs`.
 *
 * Four Workers are bound to the same objects, as the isolates of one Worker in four places are. Clients
 * time out and ask again, each time another Worker. This file is the model, and counts what it bills.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Miniflare, Response } from 'miniflare';

const CENTS_PER_CALL = 3;
const PLACES = 4;
const REQUESTS = 24;

const here = fileURLToPath(new URL('.', import.meta.url));
const wrangler = createRequire(import.meta.url).resolve('wrangler/package.json');
const folder = mkdtempSync(path.join(tmpdir(), 'samekey-example-'));
execFileSync(
  process.execPath,
  [path.join(path.dirname(wrangler), 'bin/wrangler.js'), 'deploy', '--dry-run', '--outdir', folder],
  { cwd: here, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' }, stdio: 'ignore' },
);
const modules = ['worker.js', ...readdirSync(folder).filter((file) => file.endsWith('.wasm'))].map(
  (file) => ({
    type: file.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule',
    path: file,
    contents: readFileSync(path.join(folder, file)),
  }),
);
rmSync(folder, { recursive: true });

let calls = 0;
async function model() {
  const number = ++calls;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return Response.json({ summary: `Summary ${number}` });
}

const class_ = { className: 'SamekeyObject', useSQLite: true };
const miniflare = new Miniflare({
  workers: Array.from({ length: PLACES }, (_, place) => ({
    name: `place-${place}`,
    modules,
    compatibilityDate: '2026-04-26',
    bindings: { UPSTREAM: 'https://api.example.com' },
    durableObjects: { SAMEKEY: place === 0 ? class_ : { ...class_, scriptName: 'place-0' } },
    outboundService: model,
  })),
});
const places = await Promise.all(
  Array.from({ length: PLACES }, (_, place) => miniflare.getWorker(`place-${place}`)),
);
const ask = async (at, number) => {
  const response = await places[number % PLACES].fetch(`https://summaries.example${at}`, {
    method: 'POST',
    body: '{"text":"Lorem ipsum","words":50}',
  });
  return (await response.json()).summary;
};

console.log(`${REQUESTS} requests for one summary reach ${PLACES} Workers, and the model bills:`);
for (const [name, at] of [
  ['without samekey:', '/unprotected/summaries'],
  ['with samekey:   ', '/summaries'],
]) {
  calls = 0;
  const numbers = Array.from({ length: REQUESTS - 4 }, (_, number) => number);
  const summaries = await Promise.all(numbers.map((number) => ask(at, number)));
  for (const number of [0, 1, 2, 3]) summaries.push(await ask(at, number));
  const billed = ((calls * CENTS_PER_CALL) / 100).toFixed(2);
  const different = new Set(summaries).size;
  const answers = different === 1 ? '1 answer' : `${different} different answers`;
  console.log(`${name} ${calls} ${calls === 1 ? 'call' : 'calls'}, $${billed}; ${answers}`);
}
await miniflare.dispose();
