/** Cloudflare's workerd: a Worker that wrangler bundles, run by Miniflare. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { confuseFiles, damageFiles, withWrongConstant } from '../damage.mjs';
import { askIsolates, startShared } from '../isolates.mjs';
import { copyOf, imports, installed, remove, requestImports, versionOf } from '../project.mjs';
import { askServer } from '../serving.mjs';
import { JS, WASM, WORKER } from './row.mjs';

const run = promisify(execFile);

/** The date of the installed workerd. Without Node compatibility there is no node:crypto. */
const COMPATIBILITY_DATE = '2026-04-26';

const IN_REQUEST = `${imports()}
export default {
  async fetch() {
    return Response.json(await conformance(samekey, vectors));
  },
};
`;
const WITH_REQUESTS = `${imports()}${requestImports(WORKER, 'cloudflare:workers')}
import { storeConformance } from 'samekey/store/conformance';
import { sqliteStore } from 'samekey/store/sqlite';
import { sqlite } from './program/sqlite.mjs';
export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    if (pathname === '/') return Response.json(await conformance(samekey, vectors));
    if (pathname === '/requests') return Response.json(await askAll());
    if (pathname === '/sqlite') {
      const drivers = { D1: () => sqliteStore({ database: env.DB }) };
      return Response.json(await sqlite(storeConformance, drivers));
    }
    return serve(request, env, context);
  },
};
`;
const ISOLATE = (/** @type {string} */ url) => `
import { idempotentFetch } from 'samekey/fetch';
import { createOnce } from 'samekey/once';
import { memoryStore } from 'samekey/store/memory';
import { isolate } from './program/isolate.mjs';
const answer = isolate({ createOnce, idempotentFetch, memoryStore }, ${JSON.stringify(url)});
export default {
  fetch(request, env, context) {
    return answer(request, context);
  },
};
`;
/** At the top level of a Worker, where code cannot wait and time does not advance. */
const AT_TOP_LEVEL = `${imports()}
const result = conformanceAtOnce(samekey, vectors);
export default {
  async fetch() {
    return Response.json(await withStreams(samekey, vectors, result));
  },
};
`;

/** @type {{name: string, entry: string, expected: import('./row.mjs').Expected, requests?: import('./row.mjs').Platform, damage?: (project: import('../project.mjs').Project) => void}[]} */
const WORKERS = [
  {
    name: 'workerd, first use in a request',
    entry: WITH_REQUESTS,
    expected: WASM,
    requests: WORKER,
  },
  { name: 'workerd, first use at the top level', entry: AT_TOP_LEVEL, expected: WASM },
  {
    name: 'workerd, core.wasm that computes wrongly',
    entry: IN_REQUEST,
    expected: JS,
    damage: (project) => damageFiles(project, withWrongConstant),
  },
  {
    name: 'workerd, json.wasm that is another module',
    entry: IN_REQUEST,
    expected: WASM,
    damage: confuseFiles,
  },
];

/**
 * Returns what wrangler would upload.
 *
 * @param {import('../project.mjs').Project} project
 * @param {string} name
 * @param {string} entry
 */
export async function bundleWorker(project, name, entry) {
  const main = project.write(`${name}.mjs`, entry);
  const config = project.write(
    `${name}.jsonc`,
    JSON.stringify({ name, main, compatibility_date: COMPATIBILITY_DATE }),
  );
  return bundleByConfig(project, name, main, config);
}

/**
 * The same for a Worker with a configuration.
 *
 * @param {import('../project.mjs').Project} project
 * @param {string} name
 * @param {string} main
 * @param {string} config
 */
export async function bundleByConfig(project, name, main, config) {
  const folder = path.join(project.directory, name);
  await run(
    process.execPath,
    [
      installed('wrangler/bin/wrangler.js'),
      'deploy',
      main,
      '--dry-run',
      `--outdir=${folder}`,
      `--config=${config}`,
    ],
    {
      cwd: project.directory,
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG: 'error' },
      timeout: 120_000,
    },
  );
  return folder;
}

/**
 * Starts the output of `bundleWorker`.
 *
 * @param {string} folder
 * @param {string} name
 * @param {object} [bindings] of the Worker
 */
export async function startWorker(folder, name, bindings) {
  const { Miniflare } = await import('miniflare');
  const modules = workerModules(folder, name);
  return new Miniflare({ modules, compatibilityDate: COMPATIBILITY_DATE, ...bindings });
}

/**
 * Returns the modules of a bundle for Miniflare.
 *
 * @param {string} folder
 * @param {string} name
 */
export function workerModules(folder, name) {
  return (
    readdirSync(folder)
      .filter((file) => /\.(js|wasm)$/.test(file))
      .map((file) => ({
        type: /** @type {'ESModule' | 'CompiledWasm'} */ (
          file.endsWith('.wasm') ? 'CompiledWasm' : 'ESModule'
        ),
        path: file,
        contents: readFileSync(path.join(folder, file)),
      }))
      // The first module is the Worker.
      .sort((a, b) => Number(b.path === `${name}.js`) - Number(a.path === `${name}.js`))
  );
}

/**
 * Starts two isolates on one store. Clients connect to them directly, because the proxy of Miniflare
 * does not pass on that a client has disconnected.
 *
 * @param {import('../project.mjs').Project} project
 */
async function isolated(project) {
  const { memoryStore } = await import(
    pathToFileURL(path.join(project.samekey, 'dist/store/memory.js')).href
  );
  const shared = await startShared(memoryStore());
  const name = 'isolate';
  const folder = await bundleWorker(project, name, ISOLATE(shared.url));
  const directly = { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] };
  const isolates = [
    await startWorker(folder, name, directly),
    await startWorker(folder, name, directly),
  ];
  try {
    const addresses = await Promise.all(isolates.map((each) => each.unsafeGetDirectURL()));
    return await askIsolates(addresses, shared);
  } finally {
    for (const each of isolates) await each.dispose();
    shared.close();
  }
}

/** @type {import('./row.mjs').Group[]} */
export const workers = WORKERS.map(({ name: rowName, entry, expected, requests, damage }, i) => {
  const row = {
    name: rowName,
    expected,
    ...(requests && { requests, serves: true, isolates: true, sqlite: ['D1'] }),
  };
  return {
    rows: [row],
    missing: () =>
      existsSync(installed('workerd/package.json')) ? undefined : 'workerd is not installed',
    async run(project, report, upstream) {
      const own = damage ? copyOf(project) : project;
      try {
        damage?.(own);
        const name = `worker-${i}`;
        const database = requests && { d1Databases: ['DB'] };
        const worker = await startWorker(await bundleWorker(own, name, entry), name, database);
        try {
          const get = async (/** @type {string} */ at) => {
            const response = await worker.dispatchFetch(`http://localhost/${at}`);
            const text = await response.text();
            if (!response.ok) throw new Error(text);
            return JSON.parse(text);
          };
          const outcome = { result: await get(''), version: versionOf('workerd') };
          if (requests === undefined) {
            report(row, outcome);
          } else {
            const fetched = await get('requests');
            const served = await askServer(String(await worker.ready), upstream);
            const stored = await get('sqlite');
            const isolatedOnce = await isolated(own);
            report(row, { ...outcome, fetched, served, stored, isolated: isolatedOnce });
          }
        } finally {
          await worker.dispose();
        }
      } finally {
        if (own !== project) remove(own);
      }
    },
  };
});
