/** A plan that cannot be made leaves nothing behind. */
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { jsonl, openaiLine, planned } from './batch-program.js';
import { expectFailure, folder, ROOT, samekey } from './program.js';

const files = folder();
const input = jsonl([openaiLine('a', 'A?')]);
/** Whether this Node.js has a SQLite of its own. */
const hasSqlite = process.getBuiltinModule('node:sqlite') !== undefined;

describe('without the package lmdb', () => {
  const copy = join(files.path, 'copy');
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  const program = join(copy, 'dist/cli/samekey.js');
  const cwd = join(files.path, 'empty');
  mkdirSync(cwd);

  it('a plan says what to install and which store needs nothing, and writes nothing', async () => {
    const run = await samekey(['batch', 'plan', '--out', 'tonight'], { input, program, cwd });
    const other = hasSqlite ? ', or --store sqlite:FILE, which needs no package here' : '';
    const reason = 'the package lmdb is not installed, wanted npm install lmdb';
    expectFailure(run, 2, `Cannot open the store: ${reason}${other}`);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it.runIf(hasSqlite)('the store that the message names does it', async () => {
    const place = join(files.path, 'sqlite');
    mkdirSync(place);
    const store = ['--store', 'sqlite:records.db'];
    const run = await samekey(['batch', 'plan', '--out', 'tonight', ...store], {
      input,
      program,
      cwd: place,
    });
    expect(run).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1 request to send/) });
    const status = await samekey(['batch', 'status', ...store], { program, cwd: place });
    expect(status.stdout).toMatch(/^1 request without a result, 0 with one\n {2}\S+ {2}planned /);
    expect(planned(join(place, 'tonight'))).toHaveLength(1);
  });
});

describe('a plan leaves nothing behind', () => {
  it.each<[string, readonly string[], number, RegExp]>([
    ['a missing file', ['missing.jsonl'], 3, /^missing\.jsonl: no such file$/],
    ['a directory in place of the file', ['.'], 3, /^\.: it is a directory, wanted a file$/],
    ['a store that is down', ['-', '--store', 'redis://127.0.0.1:1'], 3, /cannot be opened \(/],
    ['an unknown store', ['-', '--store', 'x:y'], 2, /^Cannot open the store "x:y": wanted redis:/],
    ['an unknown option', ['-', '--stroe', 'x'], 2, /^unknown option '--stroe'/],
    ['an invalid path', ['-', '-x', '$['], 2, /^Cannot read the path "\$\["/],
  ])('of %s', async (name, args, code, message) => {
    const cwd = join(files.path, name);
    mkdirSync(cwd);
    const run = await samekey(['batch', 'plan', '--out', 'tonight', ...args], { input, cwd });
    expectFailure(run, code, message);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('and an interrupted plan stays as it was', async () => {
    const cwd = join(files.path, 'interrupted');
    mkdirSync(cwd);
    const out = join(cwd, 'tonight');
    const store = ['--store', `lmdb:${join(cwd, 'records')}`];
    const plan = (...args: string[]) =>
      samekey(['batch', 'plan', '--out', out, ...args], { input });
    const bad = jsonl([openaiLine('a', 'A?'), 'nonsense']);
    expect(await samekey(['batch', 'plan', '--out', out, ...store], { input: bad })).toMatchObject({
      code: 4,
    });
    const before = readdirSync(out);
    expectFailure(await plan('--store', 'redis://127.0.0.1:1'), 3, /cannot be opened/);
    expect(readdirSync(out)).toEqual(before);
    expect(await plan(...store)).toMatchObject({ code: 0 });
    expect(existsSync(join(out, 'batch-0001.jsonl'))).toBe(true);
  });
});
