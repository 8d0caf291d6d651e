/** Runtimes that are one program: started with a file, they print what it says. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { imports, installed } from '../project.mjs';
import { NATIVE_JS, NATIVE_WASM } from './row.mjs';

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
}));

/** @type {{name: string, program: string, args: string[], expected?: import('./row.mjs').Expected, entry?: string}[]} */
const PROGRAMS = [
  { name: 'Node 20', program: process.execPath, args: [] },
  ...NODES,
  { name: 'Bun', program: installed('@oven/bun-linux-x64/bin/bun'), args: ['run'] },
  {
    name: 'Deno, no permissions',
    program: installed('@deno/linux-x64-glibc/deno'),
    args: ['run', '--no-prompt', '--no-remote', '--no-lock', '--node-modules-dir=manual'],
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

/** @type {import('./row.mjs').Group[]} */
export const processes = PROGRAMS.map(
  ({ name, program, args, expected = NATIVE_WASM, entry = ENTRY }) => {
    const row = { name, expected };
    return {
      rows: [row],
      missing: () => (existsSync(program) ? undefined : `${program} is not there`),
      async run(project, report) {
        const file = project.write(`${name.replace(/\W+/g, '-')}.mjs`, entry);
        report(row, { result: await printed(program, [...args, file], project.directory) });
      },
    };
  },
);

/**
 * What a program prints on its last line.
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
