/**
 * The frameworks of docs/frameworks.md: `npm run test:frameworks [-- --only 'next|nuxt']`.
 *
 * Makes an application for each framework in build/frameworks: the files of `apps/`, the snippets of
 * the page, and the packed tarball. Builds it on Node 24, starts it, and sends it duplicates. The
 * provider that each order is charged at is here, and answers when a check says so.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { connect, createServer as createSocketServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

/**
 * @typedef {object} App
 * @property {string} name
 * @property {string} from its folder in `apps/`
 * @property {string} package whose version is shown
 * @property {string} heading of its section in docs/frameworks.md
 * @property {string} charge where the snippet imports `charge` from
 * @property {string[][]} build programs in node_modules, with their arguments
 * @property {string[]} start
 * @property {(folder: string) => void} [add] adds further files
 * @property {(folder: string) => Promise<string>} [before] checks before it is started
 * @property {(app: Running) => Promise<string>} [more] further checks
 *
 * @typedef {object} Running
 * @property {string} url
 * @property {() => Promise<void>} stop
 */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = fileURLToPath(new URL('.', import.meta.url));
const BUILD = path.join(ROOT, 'build/frameworks');
const NODE = path.join(ROOT, 'test/runtimes/node_modules/node-24/bin/node');
const NEXT = 'node_modules/next/dist/bin/next';

/** @param {'turbopack' | 'webpack'} bundler @returns {App} */
const next = (bundler) => ({
  name: `Next.js with ${bundler}`,
  from: 'next',
  package: 'next',
  heading: 'Next.js App Router',
  charge: 'shop/charge.js',
  build: [[NEXT, 'build', `--${bundler}`]],
  start: [`../${NEXT}`, 'start'],
  add(folder) {
    cpSync(path.join(ROOT, 'examples/next'), folder, { recursive: true });
    const api = path.join(ROOT, 'examples/next-edge/app/api');
    if (bundler === 'turbopack') cpSync(api, path.join(folder, 'app/api'), { recursive: true });
    // With webpack, Next.js 16.4.6 builds no route handler for the edge runtime.
    else rmSync(path.join(folder, 'app/edge'), { recursive: true });
  },
  ...(bundler === 'turbopack' && { before: exampleOfNext }),
  more:
    bundler === 'turbopack'
      ? async (app) => (await streamOfNext(app)) + (await edgeOfNext(app))
      : streamOfNext,
});

/** @type {App[]} */
const APPS = [
  next('turbopack'),
  next('webpack'),
  {
    name: 'SvelteKit',
    from: 'sveltekit',
    package: '@sveltejs/kit',
    heading: 'SvelteKit',
    charge: 'src/lib/charge.js',
    build: [['node_modules/vite/bin/vite.js', 'build']],
    start: ['build/index.js'],
  },
  {
    name: 'Nuxt',
    from: 'nuxt',
    package: 'nuxt',
    heading: 'Nuxt',
    charge: 'server/charge.js',
    build: [['node_modules/nuxt/bin/nuxt.mjs', 'build']],
    start: ['.output/server/index.mjs'],
  },
  {
    name: 'React Router',
    from: 'react-router',
    package: 'react-router',
    heading: 'React Router',
    charge: 'app/charge.js',
    build: [['node_modules/@react-router/dev/bin.cjs', 'build']],
    start: ['server.mjs'],
  },
  {
    name: 'Astro',
    from: 'astro',
    package: 'astro',
    heading: 'Astro',
    charge: 'src/charge.js',
    build: [['node_modules/astro/bin/astro.mjs', 'build']],
    start: ['dist/server/entry.mjs'],
  },
];

/** No framework reports its use, or asks for a newer version. */
const ENV = {
  PATH: `${path.dirname(NODE)}:${process.env.PATH}`,
  HOME: BUILD,
  NODE_ENV: 'production',
  CI: 'true',
  NEXT_TELEMETRY_DISABLED: '1',
  NUXT_TELEMETRY_DISABLED: '1',
  ASTRO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
};

const run = promisify(execFile);

/** The provider. It keeps each order until `release`. */
class Provider {
  /** @type {Map<string, number>} */
  #calls = new Map();
  /** @type {Map<string, PromiseWithResolvers<void>>} */
  #arrived = new Map();
  /** @type {Map<string, PromiseWithResolvers<void>>} */
  #released = new Map();
  #server = createServer(async (request, response) => {
    const { order } = JSON.parse(Buffer.concat(await request.toArray()).toString());
    const receipt = this.calls(order) + 1;
    this.#calls.set(order, receipt);
    this.#at(this.#arrived, order).resolve();
    await this.#at(this.#released, order).promise;
    response.end(JSON.stringify({ receipt }));
  });

  async start() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** @param {string} order */
  calls(order) {
    return this.#calls.get(order) ?? 0;
  }

  /** @param {string} order */
  arrived(order) {
    return this.#at(this.#arrived, order).promise;
  }

  /** @param {string} order */
  release(order) {
    this.#at(this.#released, order).resolve();
  }

  stop() {
    this.#server.close().closeAllConnections();
  }

  /** @param {Map<string, PromiseWithResolvers<void>>} map @param {string} order */
  #at(map, order) {
    let found = map.get(order);
    if (found === undefined) {
      /** @type {() => void} */
      let resolve = () => {};
      /** @type {Promise<void>} */
      const promise = new Promise((done) => {
        resolve = done;
      });
      found = /** @type {PromiseWithResolvers<void>} */ ({ promise, resolve });
      map.set(order, found);
    }
    return found;
  }
}

/** The files of a section: each block of code whose first line is the name of its file. */
function snippetsOf(/** @type {string} */ heading) {
  const page = readFileSync(path.join(ROOT, 'docs/frameworks.md'), 'utf8');
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const blocks = [...section.matchAll(/^```[^\n]*\n\/\/ (\S+)\n([\s\S]*?)^```/gm)];
  assert.ok(blocks.length > 0, `docs/frameworks.md has no file under "${heading}"`);
  return blocks.map(([, file = '', code = '']) => ({ file, code }));
}

/** Puts the packages and the packed tarball into build/frameworks. */
function prepare() {
  rmSync(BUILD, { recursive: true, force: true });
  mkdirSync(BUILD, { recursive: true });
  writeFileSync(path.join(BUILD, 'package.json'), '{ "private": true, "type": "module" }\n');
  const packages = [path.join(HERE, 'node_modules'), BUILD];
  try {
    // Links, where the file system has them: 40,000 files.
    execFileSync('cp', ['-al', ...packages], { stdio: 'ignore' });
  } catch {
    execFileSync('cp', ['-a', ...packages]);
  }
  const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', BUILD];
  const tarball = execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  execFileSync('tar', ['-xzf', tarball], { cwd: BUILD });
  renameSync(path.join(BUILD, 'package'), path.join(BUILD, 'node_modules/samekey'));
}

/** @param {App} app @param {string} folder */
function makeApp({ from, heading, charge, add }, folder) {
  add?.(folder);
  cpSync(path.join(HERE, 'apps', from), folder, { recursive: true });
  if (!existsSync(path.join(folder, 'package.json'))) {
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  }
  for (const { file, code } of snippetsOf(heading)) write(path.join(folder, file), code);
  write(path.join(folder, charge), readFileSync(path.join(HERE, 'apps/charge.js'), 'utf8'));
}

/** @param {string} file @param {string} text */
function write(file, text) {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** @returns {Promise<number>} a port that is free */
async function freePort() {
  const probe = createSocketServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (probe.address());
  probe.close();
  await once(probe, 'close');
  return port;
}

/**
 * Starts an application and waits until it accepts connections.
 *
 * @param {string[]} command
 * @param {string} cwd
 * @returns {Promise<Running>}
 */
async function start(command, cwd) {
  const port = await freePort();
  const address = { PORT: String(port), HOST: '127.0.0.1', HOSTNAME: '127.0.0.1' };
  const isNext = command.at(-1) === 'start';
  const args = isNext ? [...command, '--port', String(port), '--hostname', '127.0.0.1'] : command;
  const child = spawn(NODE, args, {
    cwd,
    env: { ...ENV, ...address, PROVIDER_URL: provider.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  const exit = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null) child.kill();
    await exit;
  };
  for (const endsAt = Date.now() + 120_000; !(await accepts(port)); await sleep(50)) {
    if (child.exitCode === null && Date.now() < endsAt) continue;
    await stop();
    throw new Error(`it did not start: ${said}`);
  }
  return { url: `http://127.0.0.1:${port}`, stop };
}

/** @param {number} port @returns {Promise<boolean>} */
const accepts = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
  });

/**
 * @param {string} url
 * @param {string} order which is also its key
 * @param {RequestInit & { body?: string }} [init]
 */
const post = (url, order, init) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': order },
    body: JSON.stringify({ order }),
    ...init,
  });

const outcomeOf = (/** @type {Response} */ response) => response.headers.get('samekey');

/** @param {Running} app @param {string} name */
async function check({ url }, name) {
  const orders = `${url}/orders`;

  const crowd = `${name}-crowd`;
  const responses = Array.from({ length: 20 }, () => post(orders, crowd));
  await provider.arrived(crowd);
  provider.release(crowd);
  const bodies = await Promise.all(
    responses.map(async (each) => {
      const response = await each;
      assert.equal(response.status, 201, await response.clone().text());
      return response.text();
    }),
  );
  const [body = ''] = bodies;
  assert.deepEqual([...new Set(bodies)], [body]);
  const { receipt, path: seen } = JSON.parse(body);
  assert.deepEqual([receipt, seen, provider.calls(crowd)], [1, '/orders', 1]);

  const again = await post(orders, crowd);
  assert.deepEqual([outcomeOf(again), await again.text()], ['replayed', body]);
  const other = await post(orders, crowd, { body: '{"order":"another"}' });
  assert.deepEqual([other.status, (await other.json()).code], [422, 'SAMEKEY_MISMATCH']);
  const without = await post(orders, crowd, { headers: { 'content-type': 'application/json' } });
  assert.deepEqual([without.status, (await without.json()).code], [400, 'SAMEKEY_BAD_KEY']);

  const gone = `${name}-gone`;
  const patience = new AbortController();
  const first = post(orders, gone, { signal: patience.signal });
  await provider.arrived(gone);
  patience.abort();
  await assert.rejects(first);
  const retry = post(orders, gone);
  provider.release(gone);
  const retried = await (await retry).json();
  assert.deepEqual([retried.receipt, provider.calls(gone)], [1, 1]);
  return { crowd, body };
}

/** @param {Running} app */
async function streamOfNext({ url }) {
  const order = `stream-${url}`;
  const readers = await Promise.all(
    [1, 2].map(async () => {
      const { body } = await post(`${url}/stream`, order);
      assert.ok(body);
      return body.pipeThrough(new TextDecoderStream()).getReader();
    }),
  );
  // Both clients have read the first event when the provider answers.
  for (const reader of readers) assert.equal((await reader.read()).value, 'data: charging\n\n');
  provider.release(order);
  for (const reader of readers) {
    let text = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
    assert.equal(text, 'data: receipt 1\n\n');
  }
  const replay = await post(`${url}/stream`, order);
  assert.equal(outcomeOf(replay), 'replayed');
  assert.equal(await replay.text(), 'data: charging\n\ndata: receipt 1\n\n');
  assert.equal(provider.calls(order), 1);
  return ', a stream is read by two as it is written';
}

/** @param {App} app */
async function test(app) {
  const name = app.name.toLowerCase().replace(/\W+/g, '-');
  const folder = path.join(BUILD, name);
  makeApp(app, folder);
  for (const [program = '', ...args] of app.build) {
    await run(NODE, [path.join(BUILD, program), ...args], {
      cwd: folder,
      env: ENV,
      maxBuffer: 1 << 26,
    });
  }
  const first = (await app.before?.(folder)) ?? '';
  let running = await start(app.start, folder);
  try {
    const { crowd, body } = await check(running, name);
    const more = (await app.more?.(running)) ?? '';
    await running.stop();
    running = await start(app.start, folder);
    const again = await post(`${running.url}/orders`, crowd);
    assert.deepEqual([outcomeOf(again), await again.text()], ['replayed', body]);
    assert.equal(provider.calls(crowd), 1);
    return `20 at once are one run, so is the retry of a client that hung up, and the replay after a restart${more}${first}`;
  } finally {
    await running.stop();
  }
}

/** @type {NonNullable<App['before']>} */
async function exampleOfNext(cwd) {
  const { stdout } = await run(NODE, ['local.mjs'], { cwd, env: ENV });
  assert.deepEqual(stdout.trim().split('\n'), [
    'without samekey:     20 requests, 20 billed, 400 EUR',
    'with samekey:        20 requests, 1 billed, 20 EUR',
    'on the edge runtime: 20 requests, 1 billed, 20 EUR, digested by wasm',
    'after a restart:     receipt 1, replayed, 0 billed',
  ]);
  return ', examples/next bills an order once on Node.js and on the edge runtime, with wasm';
}

/** @param {Running} app */
async function edgeOfNext({ url }) {
  const ask = async (/** @type {string} */ body) =>
    (await fetch(`${url}/api/key`, { method: 'POST', body })).json();
  const { key } = await ask('{"model":"m","user":"u"}');
  assert.match(key, /^ik_[0-9a-f]{64}$/);
  assert.deepEqual(await ask('{ "user": "u", "model": "m" }'), { key });
  assert.equal((await ask('{')).code, 'SAMEKEY_BAD_JSON');
  return ', examples/next-edge makes keys';
}

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const parts = [
  [path.join(HERE, 'node_modules'), 'npm ci --prefix test/frameworks --ignore-scripts'],
  [path.join(ROOT, 'dist'), 'npm run build'],
  [NODE, 'npm ci --prefix test/runtimes --ignore-scripts'],
];
const missing = parts.find(([file = '']) => !existsSync(file));
if (missing !== undefined) {
  console.log(`not run: the frameworks: ${missing[0]} is missing, run \`${missing[1]}\``);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}

const provider = new Provider();
await provider.start();
prepare();
const versionOf = (/** @type {string} */ name) =>
  JSON.parse(readFileSync(path.join(HERE, 'node_modules', name, 'package.json'), 'utf8')).version;
const only = values.only === undefined ? undefined : new RegExp(values.only, 'i');
const queue = APPS.filter(({ name }) => only?.test(name) ?? true);
// Two at a time: a bundler uses a processor, and a check waits.
const work = async () => {
  for (let app = queue.shift(); app !== undefined; app = queue.shift()) {
    const startedAt = performance.now();
    const title = `${app.name} ${versionOf(app.package)}`;
    try {
      const result = await test(app);
      const seconds = Math.round((performance.now() - startedAt) / 1000);
      console.log(`ok      ${title}: ${result} (${seconds} s)`);
    } catch (error) {
      process.exitCode = 1;
      const { stack, stdout = '', stderr = '' } = /** @type {any} */ (error);
      console.log(`failed  ${title}: ${stack}\n${stdout}${stderr}`);
    }
  }
};
await Promise.all([work(), work()]);
provider.stop();
rmSync(BUILD, { recursive: true, force: true });
