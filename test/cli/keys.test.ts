import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { defineIdentity, keyOfJson } from '../../src/index.js';
import { thrownBy } from '../errors/thrown.js';
import { expectFailure, folder, PROGRAM, ROOT, type Run, samekey } from './program.js';

// examples/python/samekey.py derived both keys from the values.
const ORDER = '{"order_id":7,"items":[{"sku":"A1","note":"gift"},{"sku":"B2"}],"trace_id":"t-1"}';
const KEY = 'ik_467866f8ac1cfa43f801f3cb7ada374365928bfe844a5cadc5d174e00f4ed40a';
const SAME_ORDER =
  '{"trace_id":"t\\u002d1", "items":[{"note":"gift","sku":"A1"},{"sku":"B2"}],"order_id":7.0}';
const TEXT = '"\\u00e9\\n😀"';
const KEY_OF_TEXT = 'ik_c34b35ee30fac4754e9bd1b1b7c401ebe41823b937ae5995a8807ff0d09f7ca2';

/** The fault that `keyOfJson` reports, without the position. */
function faultOf(text: string | Uint8Array): string {
  const { message } = thrownBy(() => keyOfJson(text)) as Error;
  return message.replace(/^Cannot .*?: /, '');
}

const files = folder();
const list = files.write('list.jsonl', `${ORDER}\n${TEXT}\n${SAME_ORDER}\n`);

const printed = (...lines: string[]): Run => ({
  code: 0,
  stdout: lines.map((line) => `${line}\n`).join(''),
  stderr: '',
});

describe('samekey keys', () => {
  it('prints the key of each line, of a file or of standard input', async () => {
    const expected = printed(KEY, KEY_OF_TEXT, KEY);
    const input = `${ORDER}\n${TEXT}\n${SAME_ORDER}`;
    expect(await samekey(['keys', list])).toEqual(expected);
    expect(await samekey(['keys'], { input })).toEqual(expected);
    expect(await samekey(['keys', '-', '-t', '2'], { input: `${input}\n` })).toEqual(expected);
  });

  it.each([
    ['--exclude', ['-x', 'trace_id']],
    ['--preset and --scope', ['--preset', 'volatile', '-s', 'prod', '-s', 'checkout']],
    ['--include', ['-i', 'order_id', '-i', '$.items[*].sku']],
    ['--ref and --bits', ['--ref', 'items', '--bits', '128']],
    ['--secret-env', ['--secret-env', 'CHECKOUT_SECRET']],
  ])('accepts the options of samekey key: %s', async (_, args) => {
    const env = { CHECKOUT_SECRET: 'correct horse' };
    const { stdout } = await samekey(['key', ...args], { env, input: ORDER });
    expect(stdout).not.toContain(KEY);
    const input = `${ORDER}\n${ORDER}`;
    expect(await samekey(['keys', ...args], { env, input })).toEqual(
      printed(stdout.trim(), stdout.trim()),
    );
  });

  it('keeps line n of the output for line n of the input', async () => {
    const input = `\n${TEXT}\r\n \t\r\n\n${TEXT}`;
    expect(await samekey(['keys'], { input })).toEqual(
      printed('', KEY_OF_TEXT, '', '', KEY_OF_TEXT),
    );
    expect(await samekey(['keys'], { input: '' })).toEqual(printed());
    expect(await samekey(['keys'], { input: '\n' })).toEqual(printed(''));
  });

  it('prints the same with any number of threads', async () => {
    // More than is processed without threads.
    const texts = Array.from({ length: 40_000 }, (_, i) =>
      i % 5000 === 77 ? '' : JSON.stringify({ text: 'x'.repeat(i % 1500), i }),
    );
    const input = texts.join('\n');
    expect(input.length).toBeGreaterThan(28_000_000);
    const keys = texts.map((text) => (text === '' ? '' : keyOfJson(text)));
    const file = files.write('many.jsonl', input);
    for (const threads of ['1', '2', '3']) {
      const run = await samekey(['keys', file, '--threads', threads]);
      expect({ ...run, stdout: '' }).toEqual({ code: 0, stdout: '', stderr: '' });
      expect(run.stdout === `${keys.join('\n')}\n`).toBe(true);
    }
    const piped = await samekey(['keys'], { input });
    expect(piped.stdout === `${keys.join('\n')}\n`).toBe(true);
  });

  it.each(['native', 'wasm', 'js'])('prints the same with the engine %s', async (engine) => {
    const env = { SAMEKEY_ENGINE: engine };
    expect(await samekey(['keys', list], { env })).toEqual(printed(KEY, KEY_OF_TEXT, KEY));
  });
});

describe('a line without a key', () => {
  it.each([
    ['', '{"a":', '1, column 6', '\n'],
    [`${ORDER}\n\n`, '[1 2]', '3, column 4', `\n${ORDER}\n`],
    [`\n${ORDER}\n`, '{"a":1}{"a":2}', '3, column 8', ''],
    ['', '[1e999]', '1, column 2', '\n1'],
    ['\n', '{"a":1,"a":2}', '2, column 8', '\n1'],
    ['\n', Buffer.from('"caf\xe9"', 'latin1'), '2, column 5', ''],
    ['\n', Buffer.from('\ufeff{}'), '2, column 1', '\n'],
  ])('ends the program, naming the line: %j, %j', async (before, bad, where, after) => {
    const input = Buffer.concat([Buffer.from(before), Buffer.from(bad), Buffer.from(after)]);
    const run = await samekey(['keys'], { input });
    expect(run.stdout).toBe(before.replace(ORDER, KEY));
    expectFailure(
      { ...run, stdout: '' },
      4,
      `standard input: Cannot make a key of line ${where}: ${faultOf(bad)}`,
    );
  });

  it('is named by its number also after many lines, in another thread', async () => {
    const good = `${JSON.stringify('x'.repeat(998))}\n`;
    const input = `${good.repeat(25_000)}oops\n${good.repeat(3000)}`;
    const run = await samekey(['keys', '--threads', '2'], { input });
    expect(run.code).toBe(4);
    expect(run.stderr).toBe(
      `samekey: standard input: Cannot make a key of line 25001, column 1: ${faultOf('oops')}\n`,
    );
    expect(run.stdout === `${keyOfJson(good)}\n`.repeat(25_000)).toBe(true);
  });

  it('is reported, counted and printed as an empty line with --skip-invalid', async () => {
    const input = `${TEXT}\n{"a":\n\n${TEXT}\n\u001b[31m\n`;
    expect(await samekey(['keys', '--skip-invalid'], { input })).toEqual({
      code: 0,
      stdout: `${KEY_OF_TEXT}\n\n\n${KEY_OF_TEXT}\n\n`,
      stderr: [
        `samekey: standard input: Cannot make a key of line 2, column 6: ${faultOf('{"a":')}`,
        `samekey: standard input: Cannot make a key of line 5, column 1: ${faultOf('\u001b[31m')}`,
        'samekey: standard input: 2 lines skipped of 5 lines',
        '',
      ].join('\n'),
    });
    expect(await samekey(['keys', '--skip-invalid'], { input: TEXT })).toEqual(
      printed(KEY_OF_TEXT),
    );
  });

  it('may lack all paths to include', async () => {
    const run = await samekey(['keys', list, '-i', 'order_id', '--skip-invalid']);
    expect(run.stdout).toMatch(/^(ik_\w{64}\n)\n\1$/);
    expect(run.stderr).toContain('Cannot make a key of line 2: no include path matches the value');
  });
});

describe('without the package piscina', () => {
  const copy = join(files.path, 'copy');
  cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  const program = join(copy, 'dist/cli/samekey.js');
  // The program that is run is the first operand of another one that only imports it.
  const start = join(copy, 'start.mjs');
  writeFileSync(start, `process.argv.splice(1, 1); await import(${JSON.stringify(program)});`);
  const nodeOptions = [start];

  it('uses one thread', async () => {
    expect(PROGRAM).not.toBe(program);
    expect(await samekey(['keys', list], { nodeOptions })).toEqual(printed(KEY, KEY_OF_TEXT, KEY));
    expect(await samekey(['keys', list, '-t', '1'], { nodeOptions })).toEqual(
      printed(KEY, KEY_OF_TEXT, KEY),
    );
  });

  it('refuses more threads', async () => {
    expectFailure(
      await samekey(['keys', list, '-t', '2'], { nodeOptions }),
      2,
      'Cannot start the threads: the package piscina is not installed, wanted npm install piscina',
    );
  });
});

describe('rows with the number of the line', () => {
  const input = `${ORDER}\n\n{"a":\n${TEXT}\r\n${SAME_ORDER}`;
  const rowsIn = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((row) => JSON.parse(row));

  it('--tsv: the number, a tab and the key', async () => {
    const { code, stdout } = await samekey(['keys', '--tsv', '--skip-invalid'], { input });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `1\t${KEY}\n4\t${KEY_OF_TEXT}\n5\t${KEY}\n`,
    });
  });

  it('--json: the key, and the identity that makes it again', async () => {
    const { code, stdout } = await samekey(['keys', '--json', '--skip-invalid'], { input });
    const identity = { bigNumbers: 'digits' };
    expect(code).toBe(0);
    expect(rowsIn(stdout)).toEqual([
      { line: 1, key: KEY, identity },
      {
        line: 3,
        error: {
          code: 'SAMEKEY_BAD_JSON',
          message: `Cannot make a key of line 3, column 6: ${faultOf('{"a":')}`,
        },
      },
      { line: 4, key: KEY_OF_TEXT, identity },
      { line: 5, key: KEY, identity },
    ]);
  });

  it.each([
    [['-x', 'trace_id', '-s', 'prod', '-s', 'checkout']],
    [['-i', '$.items[*].sku', '--bits', '128', '--ref', 'items', '--big-numbers', 'error']],
    [['--preset', 'volatile']],
  ])('--json: defineIdentity makes the same key of the identity of %j', async (args) => {
    const { stdout } = await samekey(['keys', '--json', ...args], { input: ORDER });
    const [{ key, identity, hmac }] = rowsIn(stdout);
    expect(hmac).toBeUndefined();
    expect(keyOfJson(ORDER, defineIdentity(identity))).toBe(key);
    expect(key).not.toBe(KEY);
  });

  it('--json: a secret is not printed, and is needed for the same key', async () => {
    const env = { CHECKOUT_SECRET: 'correct horse' };
    const args = ['keys', '--json', '--secret-env', 'CHECKOUT_SECRET'];
    const { stdout } = await samekey(args, { env, input: ORDER });
    expect(stdout).not.toContain('horse');
    const [{ key, identity, hmac }] = rowsIn(stdout);
    expect(hmac).toBe(true);
    expect(keyOfJson(ORDER, { ...identity, secret: 'correct horse' })).toBe(key);
  });

  it('--json and --tsv are the same with threads', async () => {
    const many = Array.from({ length: 25_000 }, (_, i) =>
      i % 5000 === 77 ? '' : JSON.stringify({ text: 'x'.repeat(i % 1500), i }),
    ).join('\n');
    for (const form of ['--json', '--tsv']) {
      const [one, three] = await Promise.all(
        ['1', '3'].map((count) => samekey(['keys', form, '-t', count], { input: many })),
      );
      expect(one?.stdout.split('\n')).toHaveLength(24_996);
      expect(three?.stdout === one?.stdout).toBe(true);
    }
  });

  it('--uuid: the UUID that samekey key prints', async () => {
    const { stdout } = await samekey(['key', '--uuid', 'url', '-x', 'trace_id'], { input: ORDER });
    const uuid = stdout.trim();
    const args = ['keys', '--uuid', 'url', '-x', 'trace_id', '--skip-invalid'];
    const run = await samekey(args, { input });
    expect(run.code).toBe(0);
    expect(run.stdout.split('\n')).toEqual([uuid, '', '', expect.any(String), uuid, '']);
    expect(rowsIn((await samekey([...args, '--json'], { input: ORDER })).stdout)).toEqual([
      {
        line: 1,
        uuid,
        namespace: '6ba7b811-9dad-11d1-80b4-00c04fd430c8',
        identity: { exclude: ['trace_id'], bigNumbers: 'digits' },
      },
    ]);
    expect((await samekey([...args, '--tsv'], { input: ORDER })).stdout).toBe(`1\t${uuid}\n`);
  });

  it('--uuid: the first invalid line ends the program', async () => {
    const run = await samekey(['keys', '--uuid', 'dns'], { input: '1\n[1 2]\n3' });
    expect(run.code).toBe(4);
    expect(run.stdout).toMatch(/^[\da-f-]{36}\n$/);
    expect(run.stderr).toContain('line 2, column 4');
  });
});
