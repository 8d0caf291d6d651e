/**
 * Runs the examples, each on its platform: `node test/runtimes/examples.mjs`, a part of
 * `npm run test:runtimes`. Prints the name of each platform that is not installed; with CI=true that is
 * a failure.
 */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createProject, installed, ROOT, remove, versionOf } from './project.mjs';
import { BROWSERS, versionOfBrowser } from './rows/browser-programs.mjs';
import { bundleForEdge, processOfNext } from './rows/edge-runtime.mjs';
import { bundleByConfig, startWorker } from './rows/workerd.mjs';

/**
 * @typedef {object} Example
 * @property {string} name
 * @property {string} needs a file that the example requires
 * @property {() => string} version
 * @property {(project: import('./project.mjs').Project, samekey: any) => Promise<string>} run
 *   resolves to a description of what it checked
 */

const BUN = installed('@oven/bun-linux-x64/bin/bun');
const DENO = installed('@deno/linux-x64-glibc/deno');
const [CHROMIUM] = BROWSERS;

/** @type {Example[]} */
const EXAMPLES = [
  {
    name: 'examples/cloudflare-worker',
    needs: installed('workerd/package.json'),
    version: () => `workerd ${versionOf('workerd')}`,
    run: cloudflareWorker,
  },
  {
    name: 'examples/hono-worker',
    needs: installed('workerd/package.json'),
    version: () => `workerd ${versionOf('workerd')}`,
    run: honoWorker,
  },
  {
    name: 'Cloudflare Pages Functions, the snippet of docs/frameworks.md',
    needs: installed('workerd/package.json'),
    version: () => `workerd ${versionOf('workerd')}`,
    run: pagesFunction,
  },
  {
    name: 'examples/durable-object',
    needs: installed('workerd/package.json'),
    version: () => `workerd ${versionOf('workerd')}`,
    run: durableObject,
  },
  {
    name: 'docs/guides/on-workers.md',
    needs: installed('workerd/package.json'),
    version: () => `workerd ${versionOf('workerd')}`,
    run: workersGuide,
  },
  {
    name: 'examples/next-edge',
    needs: installed('@edge-runtime/vm'),
    version: () => `Edge Runtime ${versionOf('@edge-runtime/vm')}, without Next.js`,
    run: nextEdge,
  },
  {
    name: 'examples/deno',
    needs: DENO,
    version: () => `Deno ${versionOf('@deno/linux-x64-glibc')}`,
    run: deno,
  },
  {
    name: 'examples/bun',
    needs: BUN,
    version: () => `Bun ${versionOf('@oven/bun-linux-x64')}`,
    run: bun,
  },
  {
    name: 'examples/browser',
    needs: CHROMIUM?.asksVersion[0] ?? 'chromium',
    version: () => (CHROMIUM ? `Chromium ${versionOfBrowser(CHROMIUM)}` : ''),
    run: browser,
  },
];

const ENGINE_OF_WORKER = `
import { activeEngine } from 'samekey';
import worker from './worker.js';
export default {
  fetch: (request, env) =>
    request.url.endsWith('/engine') ? Response.json(activeEngine()) : worker.fetch(request, env),
};
`;

/** @type {Example['run']} */
async function cloudflareWorker(project, samekey) {
  const folder = 'examples/cloudflare-worker';
  const config = path.join(project.directory, folder, 'wrangler.jsonc');
  const main = project.write(`${folder}/with-engine.js`, ENGINE_OF_WORKER);
  const bundled = await bundleByConfig(project, 'with-engine', main, config);
  const upstream = await fakeUpstream();
  const worker = await startWorker(bundled, 'with-engine', {
    bindings: { UPSTREAM: upstream.url },
    r2Buckets: ['UPLOADS'],
  });
  const send = async (
    /** @type {string} */ method,
    /** @type {string} */ at,
    /** @type {any} */ body,
  ) => {
    const response = await fetch(new URL(at, await worker.ready), { method, body });
    return { status: response.status, ...JSON.parse(await response.text()) };
  };
  try {
    const payment = { exclude: ['$.trace_id'], scope: 'payments' };
    const first = '{"amount": 10.0, "to": "Zoë", "trace_id": 1}';
    const retry = '{"trace_id":2,"to":"Zo\\u00eb","amount":1e1}';
    assert.equal((await send('POST', '/v1/payments?a=b', first)).count, 1);
    assert.equal((await send('POST', '/v1/payments?a=b', retry)).count, 1);
    assert.equal((await send('POST', '/v1/payments?a=b', '{"amount":11,"to":"Zoë"}')).count, 2);
    const keys = upstream.seen.map(({ key }) => key);
    assert.deepEqual(keys.slice(0, 2), [samekey.keyOfJson(first, payment), keys[0]]);
    assert.deepEqual(
      upstream.seen.slice(0, 2).map(({ url, body }) => [url, body]),
      [
        ['/v1/payments?a=b', first],
        ['/v1/payments?a=b', retry],
      ],
    );
    const refused = await send('POST', '/v1/payments', '{"amount":1,"amount":2}');
    assert.deepEqual([refused.status, refused.code], [400, 'SAMEKEY_BAD_JSON']);
    assert.equal(upstream.seen.length, 3);

    const upload = randomBytes(8 << 20);
    const key = samekey.sha256Hex(upload);
    assert.deepEqual(await send('POST', '/uploads', upload), { status: 200, key, isStored: false });
    const other = await send('PUT', `/uploads/${key}`, randomBytes(8));
    assert.deepEqual([other.status, /SHA-256/i.test(other.message)], [400, true], other.message);
    assert.deepEqual(await send('PUT', `/uploads/${key}`, upload), {
      status: 201,
      key,
      isNew: true,
    });
    // Small: the response is sent before the body is read, and can get lost behind a large body.
    assert.deepEqual(await send('PUT', `/uploads/${key}`, 'a'), { status: 200, key, isNew: false });
    assert.deepEqual(await send('POST', '/uploads', upload), { status: 200, key, isStored: true });
    assert.equal((await send('PUT', '/uploads/ik_x', 'a')).status, 400);
    const stored = await (await worker.getR2Bucket('UPLOADS')).get(key);
    assert.deepEqual(Buffer.from(await (stored?.arrayBuffer() ?? [])), upload);

    const { name, small, canonicalizer } = await send('GET', '/engine', undefined);
    assert.deepEqual([name, small, canonicalizer], ['wasm', 'wasm', 'wasm']);
    return 'wasm; two spellings of a payment are one key, an upload of 8 MiB is stored once';
  } finally {
    await worker.dispose();
    upstream.close();
  }
}

/** @type {Example['run']} */
async function honoWorker(project) {
  cpSync(path.join(ROOT, 'node_modules/hono'), path.join(project.directory, 'node_modules/hono'), {
    recursive: true,
  });
  const folder = path.join(project.directory, 'examples/hono-worker');
  const [main, config] = ['worker.js', 'wrangler.jsonc'].map((name) => path.join(folder, name));
  const bundled = await bundleByConfig(project, 'orders', main ?? '', config ?? '');
  const worker = await startWorker(bundled, 'worker');
  const url = new URL('/orders', await worker.ready);
  const send = async (
    /** @type {string} */ key,
    /** @type {AbortSignal | undefined} */ signal = undefined,
  ) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(url, { method: 'POST', headers, body: '{"item":"A1"}', signal });
    return `${response.status} ${await response.text()}`;
  };
  try {
    // Each is its own request. Other requests must not touch its streams and signals.
    const crowd = await Promise.all(Array.from({ length: 50 }, () => send('crowd')));
    assert.deepEqual([...new Set(crowd)], ['201 {"number":1,"item":"A1"}']);
    await assert.rejects(send('gone', AbortSignal.timeout(50)));
    assert.equal(await send('gone'), '201 {"number":2,"item":"A1"}');
    const runs = await (await fetch(new URL('/runs', url))).json();
    assert.equal(runs['/orders'], 2);
    return '50 duplicates at once are one run, and so is the retry of a client that hung up';
  } finally {
    await worker.dispose();
  }
}

/** Charges at the provider after a while, and counts what it bills. */
const CHARGE = `
let receipts = 0;
export async function charge() {
  const receipt = ++receipts;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { receipt };
}
`;

/** @type {Example['run']} */
async function pagesFunction(project) {
  const page = readFileSync(path.join(ROOT, 'docs/frameworks.md'), 'utf8');
  const [, snippet = ''] = /^\/\/ functions\/orders\.js\n([\s\S]*?)^```/m.exec(page) ?? [];
  assert.match(snippet, /onRequestPost/);
  mkdirSync(path.join(project.directory, 'pages/functions'), { recursive: true });
  project.write('pages/functions/orders.js', snippet);
  project.write('pages/charge.js', CHARGE);
  await promisify(execFile)(
    process.execPath,
    [
      installed('wrangler/bin/wrangler.js'),
      ...['pages', 'functions', 'build', '--outdir=built', '--fallback-service='],
    ],
    {
      cwd: path.join(project.directory, 'pages'),
      env: { ...process.env, WRANGLER_SEND_METRICS: 'false', WRANGLER_LOG: 'error' },
    },
  );
  const worker = await startWorker(path.join(project.directory, 'pages/built'), 'index');
  const url = new URL('/orders', await worker.ready);
  const send = async (
    /** @type {string} */ key,
    /** @type {AbortSignal | undefined} */ signal = undefined,
  ) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(url, { method: 'POST', headers, body: '{"amount":1}', signal });
    return `${response.status} ${await response.text()}`;
  };
  try {
    const crowd = await Promise.all(Array.from({ length: 20 }, () => send('crowd')));
    assert.deepEqual([...new Set(crowd)], ['201 {"receipt":1,"path":"/orders"}']);
    await assert.rejects(send('gone', AbortSignal.timeout(50)));
    assert.equal(await send('gone'), '201 {"receipt":2,"path":"/orders"}');
    assert.match(await send('other'), /"receipt":3/);
    return '20 duplicates at once are one run, and so is the retry of a client that hung up';
  } finally {
    await worker.dispose();
  }
}

/** @type {Example['run']} */
async function durableObject(project) {
  for (const name of ['miniflare', 'wrangler']) {
    symlinkSync(installed(name), path.join(project.directory, 'node_modules', name));
  }
  const folder = path.join(project.directory, 'examples/durable-object');
  const { stdout } = await promisify(execFile)(process.execPath, ['local.mjs'], { cwd: folder });
  assert.match(stdout, /^without samekey: 24 calls, \$0\.72; 24 different answers$/m);
  assert.match(stdout, /^with samekey: {4}1 call, \$0\.03; 1 answer$/m);
  return '24 requests that reach four Workers are one billed call';
}

/**
 * Follows the guide: its files and commands, with what wrangler bundles but without its server. All takes three
 * times as long as in the guide, whose client waits for a second: a busy machine may need that for itself.
 *
 * @type {Example['run']}
 */
async function workersGuide(project) {
  const page = readFileSync(path.join(ROOT, 'docs/guides/on-workers.md'), 'utf8');
  const filesOf = (/** @type {string} */ name) =>
    [...page.matchAll(/^\/\/ (.+)\n([\s\S]*?)^```/gm)].flatMap(([, file, code = '']) =>
      file === name ? [code] : [],
    );
  const runs = [...page.matchAll(/^```sh\n((?:node .*\n)+)```\n\n```text\n([\s\S]*?)```/gm)];
  const [workers, configs, [client = '']] = ['worker.js', 'wrangler.jsonc', 'client.mjs'].map(
    filesOf,
  );
  assert.deepEqual([workers?.length, configs?.length, runs.length], [2, 2, 2]);
  const slowly = (/** @type {string} */ code) =>
    code.replaceAll(/\b(1000|1500)\)/g, (_, ms) => `${3 * Number(ms)})`);
  assert.match(slowly(client), /timeout\(3000\)/);
  assert.ok(workers?.every((code) => /, 4500\)/.test(slowly(code))));
  mkdirSync(path.join(project.directory, 'guide'));
  for (const [i, [, commands = '', output = '']] of runs.entries()) {
    const main = project.write('guide/worker.js', slowly(workers?.[i] ?? ''));
    const config = project.write('guide/wrangler.jsonc', configs?.[i] ?? '');
    const bundled = await bundleByConfig(project, `guide-${i}`, main, config);
    const objects = {
      durableObjects: { SAMEKEY: { className: 'SamekeyObject', useSQLite: true } },
    };
    const worker = await startWorker(bundled, 'worker', i === 0 ? {} : objects);
    try {
      const url = await worker.ready;
      // As after `Ready`: the Worker is loaded before the client comes.
      await (await fetch(url)).text();
      project.write('guide/client.mjs', slowly(client).replace('localhost:8787', url.host));
      const { stdout } = await promisify(execFile)('sh', ['-c', commands], {
        cwd: path.join(project.directory, 'guide'),
      });
      assert.equal(stdout, output);
    } finally {
      await worker.dispose();
    }
  }
  return 'a client that tries again is charged three times, and with samekey once';
}

/** An API that honours the header: it does the work once for each key. */
async function fakeUpstream() {
  /** @type {{key: string, url: string, body: string}[]} */
  const seen = [];
  /** @type {Map<string, number>} */
  const counts = new Map();
  const server = createServer(async (request, response) => {
    const key = String(request.headers['idempotency-key']);
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    seen.push({ key, url: request.url ?? '', body });
    if (!counts.has(key)) counts.set(key, counts.size + 1);
    response.end(JSON.stringify({ count: counts.get(key) }));
  });
  const url = await listening(server);
  return { seen, url, close: () => server.close().closeAllConnections() };
}

/** @param {import('node:http').Server} server */
async function listening(server) {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return `http://127.0.0.1:${port}/`;
}

const ROUTE = `
import { activeEngine } from 'samekey';
import { POST, runtime } from './examples/next-edge/app/api/key/route.js';
const post = async (body) => {
  const response = await POST(new Request('http://localhost/api/key', { method: 'POST', body }));
  return [response.status, await response.json()];
};
globalThis.answer = (async () =>
  [runtime, activeEngine().name, await post('{"model":"m","user":"u"}'), await post('{')])();
`;

/** @type {Example['run']} */
async function nextEdge(project, samekey) {
  const { EdgeVM } = await import('@edge-runtime/vm');
  const { source, modules } = await bundleForEdge(project, ROUTE);
  const edge = new EdgeVM({
    codeGeneration: { strings: false, wasm: false },
    extend: (context) => Object.assign(context, modules, { process: processOfNext() }),
  });
  edge.evaluate(source);
  const [runtime, engine, good, bad] = JSON.parse(JSON.stringify(await edge.context.answer));
  const key = samekey.keyOf({ user: 'u', model: 'm' }, samekey.identities.openai);
  assert.deepEqual([runtime, engine, good], ['edge', 'wasm', [200, { key }]]);
  assert.deepEqual([bad[0], bad[1].code], [400, 'SAMEKEY_BAD_JSON']);
  return 'wasm; a key for JSON, 400 for what is none';
}

/** @type {Example['run']} */
async function deno(project, samekey) {
  const upload = randomBytes(3 << 20);
  const args = ['run', '--no-prompt', '--no-remote', '--no-config', '--node-modules-dir=manual'];
  const { stdout, stderr } = await new Promise((resolve, reject) => {
    const child = execFile(
      DENO,
      [...args, path.join(project.directory, 'examples/deno/keys.js')],
      { cwd: project.directory },
      (error, stdout, stderr) => (error ? reject(error) : resolve({ stdout, stderr })),
    );
    child.stdin?.end(upload);
  });
  assert.equal(stdout, `${samekey.sha256Hex(upload)}\n`);
  const [, engine] = /digested by (\w+)/.exec(stderr) ?? [];
  assert.equal(engine, 'native');
  return `${engine}; the key of 3 MiB on standard input, without a permission`;
}

/** @type {Example['run']} */
async function bun(project, samekey) {
  const server = spawn(BUN, ['run', 'examples/bun/server.js'], {
    cwd: project.directory,
    env: { ...process.env, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const url = await new Promise((resolve, reject) => {
      let said = '';
      server.once('exit', (code) => reject(new Error(`it ended with ${code}: ${said}`)));
      server.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
        const found = /listening on (\S+)/.exec(said);
        if (found) resolve(found[1]);
      });
    });
    const post = async (/** @type {string} */ body) => {
      const response = await fetch(url, { method: 'POST', body });
      return { key: response.headers.get('idempotency-key'), ...(await response.json()) };
    };
    const bodies = ['{"item":7,"note":"é"}', '{ "note": "\\u00e9", "item": 7.0 }', '{"item":8}'];
    const [first, retry, other] = await Promise.all(bodies.map(post));
    assert.deepEqual(retry, first);
    assert.equal(first.key, samekey.keyOfJson(bodies[0]));
    assert.notEqual(other.receipt, first.receipt);
    assert.equal((await post('{"item":7,"item":8}')).code, 'SAMEKEY_BAD_JSON');
    return 'two spellings of an order are one receipt';
  } finally {
    server.kill();
  }
}

/** @type {Example['run']} */
async function browser(project, samekey) {
  // As if the page were beside `node_modules`.
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost');
    const file = path.join(
      project.directory,
      pathname === '/' ? 'examples/browser/index.html' : pathname,
    );
    if (!existsSync(file)) return response.writeHead(404).end();
    const type = file.endsWith('.js') ? 'text/javascript' : 'text/html';
    return response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
  });
  const url = await listening(server);
  const profile = mkdtempSync(path.join(tmpdir(), 'samekey-profile-'));
  try {
    const [program = '', ...args] = CHROMIUM?.command(profile, url) ?? [];
    const html = await new Promise((resolve, reject) => {
      execFile(
        program,
        ['--dump-dom', '--virtual-time-budget=10000', ...args],
        { timeout: 60_000 },
        (error, stdout) => (error ? reject(error) : resolve(stdout)),
      );
    });
    const outputs = [...html.matchAll(/<output>(.*?)<\/output>/g)].map(([, text]) => text);
    assert.deepEqual(outputs, [samekey.keyOf({ a: 1, b: 2 }), '', 'wasm']);
    return 'wasm; the key of the text in the page';
  } finally {
    server.close().closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}

/** Runs each example in turn. Resolves to one row for each. */
export async function runExamples() {
  const project = createProject();
  cpSync(path.join(ROOT, 'examples'), path.join(project.directory, 'examples'), {
    recursive: true,
    filter: (file) => !file.includes('node_modules'),
  });
  const samekey = await import(path.join(project.samekey, 'dist/index.js'));
  /** @type {{name: string, version: string, ok: boolean | undefined, detail: string}[]} */
  const rows = [];
  try {
    for (const { name, needs, version, run } of EXAMPLES) {
      if (!existsSync(needs)) {
        rows.push({ name, version: '', ok: undefined, detail: `${needs} is not there` });
        continue;
      }
      try {
        rows.push({ name, version: version(), ok: true, detail: await run(project, samekey) });
      } catch (error) {
        const detail = error instanceof Error ? (error.stack ?? '') : String(error);
        rows.push({ name, version: version(), ok: false, detail });
      }
    }
  } finally {
    remove(project);
  }
  return rows;
}

if (process.argv[1] === import.meta.filename) {
  const rows = await runExamples();
  for (const { name, version, ok, detail } of rows) {
    if (ok === undefined) console.log(`not run: ${name}: ${detail}`);
    else console.log(`${ok ? 'ok      ' : 'failed  '}${name}: ${version}: ${detail}`);
  }
  const isComplete = rows.every(({ ok }) => ok !== undefined) || process.env.CI !== 'true';
  if (!isComplete || rows.some(({ ok }) => ok === false)) process.exitCode = 1;
}
