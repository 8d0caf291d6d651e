import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  expectFailure,
  folder,
  itOnTerminal,
  itWith,
  onTerminal,
  PROGRAM,
  ROOT,
  samekey,
} from './program.js';

const files = folder();
const good = files.write('good.json', '{"a":1}');
const empty = 'it is empty, which leaves nothing to make a key of';

describe('input that is not JSON: one line, exit code 4', () => {
  it.each([
    ['', empty],
    [' \r\n\t', empty],
    ['{"a":1,\n  "b": }', 'not JSON at line 2, column 8: wanted a value, found "}"'],
    [
      '{"a":1,\n}',
      'not JSON at line 2, column 1: wanted another member after the comma, found "}"',
    ],
    ['[1,]', 'not JSON at line 1, column 4: wanted another value after the comma, found "]"'],
    ['[1,2', 'not JSON at line 1, column 5: wanted "," or "]", found the end'],
    ['[1 2]', 'not JSON at line 1, column 4: wanted "," or "]", found 2'],
    ['{"a" 1}', 'not JSON at line 1, column 6: wanted ":", found 1'],
    [
      '{"a":1}\n{"a":2}',
      'not JSON at line 2, column 1: wanted the end after one JSON value, found "{"',
    ],
    ['{a:1}', 'not JSON at line 1, column 2: wanted a member name in double quotes, found a'],
    [
      "['x']",
      `not JSON at line 1, column 2: wanted a value, found "'", strings stand in double quotes`,
    ],
    ['// note\n1', 'not JSON at line 1, column 1: wanted a value, found "/", JSON has no comments'],
    ['[NaN]', 'not JSON at line 1, column 2: wanted a value, found NaN'],
    ['[01]', 'not JSON at line 1, column 2: wanted a value, found 01'],
    ['[\u00a01]', 'not JSON at line 1, column 2: wanted a value, found U+00A0'],
    ['["😀", \u001b]', 'not JSON at line 1, column 7: wanted a value, found U+001B'],
    [
      '"a\nb"',
      'not JSON at line 1, column 3: wanted an escape such as \\n or \\u0009 in a string, found U+000A',
    ],
    [
      '"\\x41"',
      'not JSON at line 1, column 2: wanted \\n, \\u0009 or another escape of JSON, found \\x41',
    ],
    [
      '{"a":"b',
      'not JSON at line 1, column 6: wanted a closing quote for the string that begins here, found none',
    ],
    ['<html>', 'not JSON at line 1, column 1: wanted a value, found "<"'],
  ])('%j', async (input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, `standard input: ${message}`);
  });
});

describe('JSON that would get the key of another request: one line, exit code 4', () => {
  it.each([
    [
      '{"a":1,\n "b":2,\n "\\u0061":3}',
      'refused at line 3, column 2: the member "a" is here for the second time, first at line 1, column 2',
    ],
    [
      '{"id":\n9007199254740993}',
      'refused at line 2, column 1: 9007199254740993 is beyond 2^53-1 and would be rounded, write it as a string',
    ],
    [
      '[1e999]',
      'refused at line 1, column 2: 1e999 is more than a number can hold, write it as a string',
    ],
    ['["\\ud800"]', 'Cannot canonicalize the value at "/0": a lone surrogate is not valid Unicode'],
    ['\ufeff{}', 'it begins with a byte order mark: save it as UTF-8 without'],
  ])('%j', async (input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, `standard input: ${message}`);
  });

  it.each([
    [
      'Latin-1',
      Buffer.from('{"a":\n"\ufffd café"}', 'latin1'),
      /^standard input: not UTF-8 at line 2, column 2: the byte FD is/,
    ],
    [
      'U+FFFD, which is none of it, before a byte that is',
      Buffer.concat([Buffer.from('["\ufffd\ufffd", "'), Buffer.of(0xc3, 0x28), Buffer.from('"]')]),
      'standard input: not UTF-8 at line 1, column 9: the byte C3 is no part of a character; a file that is not text wants --raw',
    ],
    [
      'cut off',
      Buffer.from('["😀').subarray(0, 5),
      /^standard input: not UTF-8 at line 1, column 3: the byte F0 is/,
    ],
    [
      'UTF-16',
      Buffer.from('\ufeff{}', 'utf16le'),
      'standard input: it is UTF-16: save it as UTF-8',
    ],
  ])('bytes that are not UTF-8: %s', async (_, input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, message);
  });

  it.each([
    ['arrays', '['.repeat(100_000) + ']'.repeat(100_000), 1001],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 5001],
    ['arrays that never end', '['.repeat(100_000), 1001],
  ])('100 000 levels of %s', async (_, input, column) => {
    const at = `standard input: refused at line 1, column ${column}`;
    expectFailure(
      await samekey(['key'], { input }),
      4,
      `${at}: arrays and objects nested deeper than 1000 levels`,
    );
  });

  it('an identity that is not in the request', async () => {
    expectFailure(
      await samekey(['key', good, '-i', 'b']),
      4,
      `${good}: Cannot make a key: the value has none of the paths to include ($.b)`,
    );
  });
});

describe('input that is too large: one line, exit code 4', () => {
  it('600 MB are refused by their size, and taken with --raw', async () => {
    const large = join(files.path, 'large.json');
    const fd = openSync(large, 'w');
    ftruncateSync(fd, 600_000_000);
    closeSync(fd);
    const message = `${large}: its 600,000,000 bytes are more than the 536,870,888 bytes that can be read as a whole; --raw without --uuid takes any size`;
    expectFailure(await samekey(['key', large]), 4, message);
    expectFailure(await samekey(['explain', good, large]), 4, message);
    expectFailure(await samekey(['key', '--raw', '--uuid', 'dns', large]), 4, message);
    expect(await samekey(['key', '--raw', large])).toMatchObject({ code: 0, stderr: '' });
  });

  it('more values than the memory holds are refused before the memory is full', async () => {
    const many = files.write('many.json', `[${'{},'.repeat(2_000_000)}1]`);
    const nodeOptions = ['--max-old-space-size=64'];
    expectFailure(
      await samekey(['key', many], { nodeOptions }),
      4,
      /many\.json: refused at line 1, column \d+: more values than fit safely into the memory/,
    );
  });
});

describe('nothing to read: one line', () => {
  const loop = join(files.path, 'loop');
  symlinkSync('loop', loop);

  it.each([
    ['missing.json', 'missing.json: there is no such file'],
    [files.path, `${files.path}: it is a directory, wanted a file`],
    [join(good, 'x'), `${good}/x: a part of the path is not a directory`],
    [loop, `${loop}: its symbolic links lead in a circle`],
    ['a\u001b[31m\nb', 'a\\u001b[31m\\u000ab: there is no such file'],
  ])('%j, exit code 3', async (file, message) => {
    for (const args of [
      ['key', file],
      ['key', '--raw', file],
      ['check', file],
      ['explain', file],
    ]) {
      expectFailure(await samekey(args), 3, message);
    }
  });

  it('a file of others, exit code 3', async () => {
    if (process.getuid?.() === 0) {
      console.warn('root may read everything, so this did not run: a file of others');
      return;
    }
    const file = files.write('secret.json', '{}');
    chmodSync(file, 0);
    expectFailure(await samekey(['key', file]), 3, `${file}: permission to read it is missing`);
  });

  it('an empty file and an empty standard input, also with --raw, exit code 4', async () => {
    const nothing = files.write('nothing.json', '');
    expectFailure(await samekey(['key', nothing]), 4, `${nothing}: ${empty}`);
    expectFailure(await samekey(['key', '--raw', nothing]), 4, `${nothing}: ${empty}`);
    expectFailure(await samekey(['key', '--raw']), 4, `standard input: ${empty}`);
    expectFailure(await samekey(['explain', '-']), 4, `standard input: ${empty}`);
  });

  it('a directory for standard input, exit code 3', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'key', '-'], {
      stdio: [openSync(files.path, 'r'), 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(3);
    expect(stderr).toBe('samekey: standard input: it is a directory, wanted a file\n');
  });

  itOnTerminal('a terminal for standard input, exit code 2 instead of waiting', async () => {
    for (const command of ['key', 'check']) {
      const { code, stdout } = await onTerminal([command]);
      expect(stdout).toBe(
        `samekey: no input: wanted samekey ${command} FILE, or something piped into it (- reads the terminal)\n`,
      );
      expect(code).toBe(2);
    }
  });
});

describe('a wrong command line: one line, exit code 2', () => {
  it.each([
    [[], /^wanted a command: key, explain, check, engine or bench; see samekey --help$/],
    [['keys'], /^unknown command 'keys' \(Did you mean key\?\)$/],
    [['key', '--exlude', 'a'], /^unknown option '--exlude' \(Did you mean --exclude\?\)$/],
    [['key', good, good], /^too many arguments for 'key'/],
    [['key', ''], /^FILE is empty: wanted a path, or - for standard input$/],
    [['explain'], /^missing required argument 'A'/],
    [['key', good, '--scope'], /'-s, --scope <text>' argument missing/],
    [['key', good, '--scope', ''], /^--scope is empty, as from an unset variable/],
    [['key', good, '--scope', '--json'], /^--scope wants a value, found --json, as after an/],
    [['key', good, '--scope', 'a', '--uuid', 'dns'], /^--scope is for keys/],
    [['key', good, '--bits', '64'], /argument '64' is invalid\. Allowed choices are 256, 128/],
    [['key', good, '--bits', '128', '--uuid', 'dns'], /^--bits is for keys/],
    [['key', good, '--uuid', 'nope'], /^--uuid "nope": wanted dns, url, oid, x500 or a UUID$/],
    [['key', good, '--preset', 'gpt'], /argument 'gpt' is invalid\. Wanted volatile, anthropic/],
    [
      ['key', good, '--secret-env', 'NOT_SET'],
      /^--secret-env: the environment variable NOT_SET is not set$/,
    ],
    [
      ['key', good, '--secret-env', 'SET_EMPTY'],
      /^--secret-env: the environment variable SET_EMPTY is empty$/,
    ],
    [
      ['key', good, '-x', '$[?(@.a)]'],
      /^Cannot read the path .* at position 2: filters are not supported$/,
    ],
    [['key', good, '-x', '$'], /^Cannot define the identity: exclude names "\$"/],
    [['explain', good, '-i', 'a.b'], /^Cannot read the path "a\.b" at position 1/],
  ])('%j', async (args, message) => {
    expectFailure(await samekey(args, { env: { SET_EMPTY: '' } }), 2, message);
  });

  it('does not repeat a secret that was given in place of its name', async () => {
    const run = await samekey(['key', good, '--secret-env', 'sk-live-12345']);
    expectFailure(run, 2, /^--secret-env wants the name of an environment variable/);
    expect(run.stderr).not.toContain('12345');
  });
});

describe('output that nobody takes', () => {
  it('ends silently when the reader has gone, with the code of a broken pipe', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'check'], { env: { PATH: process.env.PATH } });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdin.on('error', () => {});
    child.stdout.once('data', () => child.stdout.destroy());
    const feeding = setInterval(() => child.stdin.write('ik_12\n'.repeat(1000)), 5);
    const code = await new Promise((resolve) => child.on('close', resolve));
    clearInterval(feeding);
    expect({ code, stderr }).toEqual({ code: 141, stderr: '' });
  });

  itWith('/dev/full', existsSync('/dev/full'), 'says so when the disk is full', async () => {
    const child = spawn(process.execPath, [PROGRAM, 'key', good], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(3);
    expect(stderr).toBe('samekey: standard output: cannot be written (ENOSPC)\n');
  });
});

describe('help', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const flag of ['--version', '-V']) {
      expect(await samekey([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  it('shows an example for every command', async () => {
    const { code, stdout, stderr } = await samekey(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['key', 'explain', 'check', 'engine']) {
      const help = await samekey([command, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(
        new RegExp(`^Examples:\\n(?: .*\\n)*.*samekey ${command}\\b`, 'm'),
      );
      expect(stdout).toMatch(new RegExp(`^ .*samekey ${command}\\b`, 'm'));
      expect((await samekey(['help', command])).stdout).toBe(help.stdout);
    }
  });

  it('lists the exit codes, of which the README has the same table', async () => {
    const { stdout } = await samekey(['--help']);
    const listed = [...stdout.matchAll(/^ {2}(\d+) +(.+)$/gm)].map(([, code, text]) => [
      code,
      text,
    ]);
    expect(listed.map(([code]) => code)).toEqual(['0', '1', '2', '3', '4', '70', '141']);
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code, text]) => [
      code,
      text,
    ]);
    expect(rows.length).toBeGreaterThan(4);
    for (const row of rows) expect(listed).toContainEqual(row);
  });
});
