/** Runtimes that are one program: started with a file, they print their results. */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { imports, installed, requestImports } from '../project.mjs';
import { askServer } from '../serving.mjs';
import { openSqlite, SQLITE_IMPORTS } from '../sqlite-drivers.mjs';
import { NATIVE_JS, NATIVE_WASM, NODE } from './row.mjs';

const run = promisify(execFile);

const ENTRY = `${imports()}
console.log(JSON.stringify(await conformance(samekey, vectors)));
`;
const PURE = `${imports('samekey/pure')}
console.log(JSON.stringify(await conformance(samekey, vectors)));
`;

const NODES = ['22', '24', '26'].map((major) => ({
  name: `Node ${major}`,
  program: installed(`node-${major}/bin/node`),
  args: /** @type {string[]} */ ([]),
  requests: NODE,
  sqlite: ['node:sqlite', 'better-sqlite3'],
}));
const LISTENING = 'listening on ';

/**
 * @typedef {object} Program
 * @property {string} name
 * @property {string} program
 * @property {string[]} args
 * @property {import('./row.mjs').Expected} [expected]
 * @property {string} [entry]
 * @property {import('./row.mjs').Platform} [requests]
 * @property {string[]} [argsForRequests] additional ones
 * @property {readonly string[]} [sqlite] the drivers of SQLite
 * @property {string[]} [argsForSqlite] additional ones
 * @property {string} [serves] starts a server with the handler `serve` and prints `url`
 */

/** @type {Program[]} */
const PROGRAMS = [
  { name: 'Node 20', program: process.execPath, args: [], requests: NODE },
  ...NODES,
  {
    name: 'Bun',
    program: installed('@oven/bun-linux-x64/bin/bun'),
    args: ['run'],
    requests: NODE,
    sqlite: ['node:sqlite', 'bun:sqlite'],
    serves: "const { url } = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: serve });",
  },
  {
    name: 'Deno, no permissions',
    program: installed('@deno/linux-x64-glibc/deno'),
    args: ['run', '--no-prompt', '--no-remote', '--no-lock', '--node-modules-dir=manual'],
    requests: NODE,
    argsForRequests: ['--allow-net=127.0.0.1'],
    sqlite: ['node:sqlite'],
    argsForSqlite: ['--allow-read=.', '--allow-write=.'],
    serves: `const { addr } = Deno.serve({ hostname: '127.0.0.1', port: 0, onListen() {} }, serve);
const url = 'http://127.0.0.1:' + addr.port;`,
  },
  {
    name: 'Node 20, `--jitless`',
    program: process.execPath,
    args: ['--jitless'],
    expected: NATIVE_JS,
  },
  {
    name: 'Node 20, `samekey/pure`',
    program: process.execPath,
    args: [],
    expected: NATIVE_JS,
    entry: PURE,
  },
];

/** The entry file of the conformance suite on drivers of SQLite. */
const onSqlite = (/** @type {readonly string[]} */ drivers, /** @type {string} */ base) => `
import { storeConformance } from 'samekey/store/conformance';
import { sqlite } from './program/sqlite.mjs';
${SQLITE_IMPORTS}
const drivers = {
${drivers.map((driver) => `${JSON.stringify(driver)}: ${openSqlite(driver, `${base}-${driver}.db`)},`).join('\n')}
};
console.log(JSON.stringify(await sqlite(storeConformance, drivers)));
`;

/** @type {import('./row.mjs').Group[]} */
export const processes = PROGRAMS.map((each) => {
  const {
    name,
    program,
    args,
    expected = NATIVE_WASM,
    entry = ENTRY,
    requests,
    serves,
    sqlite,
  } = each;
  const row = {
    name,
    expected,
    ...(requests && { requests }),
    ...(sqlite && { sqlite }),
    serves: serves !== undefined,
  };
  return {
    rows: [row],
    missing: () => (existsSync(program) ? undefined : `${program} is not there`),
    async run(project, report, upstream) {
      const { directory } = project;
      const base = name.replace(/\W+/g, '-');
      const write = (/** @type {string} */ part, /** @type {string} */ text) =>
        project.write(`${base}${part}.mjs`, text);
      const result = await printed(program, [...args, write('', entry)], directory);
      if (requests === undefined) return report(row, { result });
      const toSqlite = [...args, ...(each.argsForSqlite ?? [])];
      const stored = sqlite && {
        stored: await printed(
          program,
          [...toSqlite, write('-sqlite', onSqlite(sqlite, base))],
          directory,
        ),
      };
      const before = [...args, ...(each.argsForRequests ?? [])];
      const asking = `${requestImports(requests)}
console.log(JSON.stringify(await askAll()));
`;
      const fetched = await printed(program, [...before, write('-requests', asking)], directory);
      if (serves === undefined) return report(row, { result, fetched, ...stored });
      const server = `${requestImports(requests)}${serves}
console.log('${LISTENING}' + url);
`;
      const served = await whileServed(
        program,
        [...before, write('-server', server)],
        directory,
        (url) => askServer(url, upstream),
      );
      return report(row, { result, fetched, served, ...stored });
    },
  };
});

/**
 * Returns the last line that a program prints.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
export async function printed(program, args, cwd) {
  const { SAMEKEY_ENGINE, NODE_OPTIONS, ...env } = process.env;
  const { stdout } = await run(program, args, { cwd, env, timeout: 180_000, maxBuffer: 1 << 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
}

/**
 * Starts a program that is a server, returns the result of `ask`, and ends the program.
 *
 * @template T
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 * @param {(url: string) => Promise<T>} ask
 * @returns {Promise<T>}
 */
async function whileServed(program, args, cwd, ask) {
  const server = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  // Some programs log that a client disconnected. Their log is shown only after a failure.
  let complaints = '';
  server.stderr.setEncoding('utf8').on('data', (text) => {
    complaints += text;
  });
  const exited = new Promise((resolve) => server.once('exit', resolve));
  try {
    const url = await new Promise((resolve, reject) => {
      let said = '';
      server.once('error', reject);
      server.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
      server.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
        const [, found] = new RegExp(`${LISTENING}(\\S+)`).exec(said) ?? [];
        if (found) resolve(found);
      });
    });
    return await ask(url);
  } catch (error) {
    throw Object.assign(/** @type {Error} */ (error), { stderr: complaints });
  } finally {
    server.kill('SIGKILL');
    await exited;
  }
}
