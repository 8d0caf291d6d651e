import { spawn } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
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
const empty = 'it is empty, so there is nothing to derive a key from';

const at = (line: number, column: number, byte: number, fault: string) =>
  `Cannot read the JSON text at line ${line}, column ${column} (byte ${byte}): ${fault}`;

describe('input that is not JSON: one line, exit code 4', () => {
  it.each([
    ['', empty],
    [' \r\n\t', empty],
    ['{"a":1,\n  "b": }', at(2, 8, 15, 'found "}", wanted a value')],
    ['{"a":1,\n}', at(2, 1, 8, 'found "}", wanted a name in double quotes')],
    ['[1,]', at(1, 4, 3, 'found "]", wanted a value')],
    ['[1,2', at(1, 5, 4, 'found the end, wanted "," or "]"')],
    ['{"a":1}\n{"a":2}', at(2, 1, 8, 'found "{", wanted the end')],
    ['["😀", \u001b]', at(1, 7, 9, 'found U+001b, wanted a value')],
    ['"\\x41"', at(1, 2, 1, 'found "\\x41", wanted an escape, surrogates in pairs')],
    ['<html>', at(1, 1, 0, 'found "<", wanted a value')],
  ])('%j', async (input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, `standard input: ${message}`);
  });
});

describe('JSON that would get the key of another request: one line, exit code 4', () => {
  it.each([
    ['{"a":1,\n "b":2,\n "\\u0061":3}', at(3, 2, 17, 'found the name "a" again, wanted it once')],
    ['{"id":\n1e400}', at(2, 1, 7, 'found "1e400", wanted a finite double')],
    ['[1e999]', at(1, 2, 1, 'found "1e999", wanted a finite double')],
    ['["\\ud800"]', at(1, 3, 2, 'found "\\ud800", wanted an escape, surrogates in pairs')],
    ['{"a":\ufeff1}', at(1, 6, 5, 'found U+feff, wanted a value')],
  ])('%j', async (input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, `standard input: ${message}`);
  });

  it.each([
    [
      'Latin-1',
      Buffer.from('{"a":\n"\ufffd café"}', 'latin1'),
      /line 2, column 2 \(byte 7\): found the byte fd, wanted UTF-8; use --raw/,
    ],
    [
      'an invalid byte after U+FFFD, which is valid',
      Buffer.concat([Buffer.from('["\ufffd\ufffd", "'), Buffer.of(0xc3, 0x28), Buffer.from('"]')]),
      `standard input: ${at(1, 9, 12, 'found the byte c3, wanted UTF-8; use --raw for a file that is not text')}`,
    ],
    [
      'cut off',
      Buffer.from('["😀').subarray(0, 5),
      /line 1, column 3 \(byte 2\): found the byte f0, wanted UTF-8; use --raw/,
    ],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 'standard input: it is UTF-16, wanted UTF-8'],
  ])('bytes that are not UTF-8: %s', async (_, input, message) => {
    expectFailure(await samekey(['key'], { input }), 4, message);
  });

  it.each([
    ['arrays', '['.repeat(100_000) + ']'.repeat(100_000), 1001, '['],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 5001, '{'],
    ['arrays that never end', '['.repeat(100_000), 1001, '['],
  ])('100 000 levels of %s', async (_, input, column, found) => {
    const fault = `found "${found}", wanted at most 1000 levels`;
    const message = `standard input: ${at(1, column, column - 1, fault)}`;
    expectFailure(await samekey(['key'], { input }), 4, message);
  });

  it('a request without any of the paths to include', async () => {
    expectFailure(
      await samekey(['key', good, '-i', 'b']),
      4,
      `${good}: Cannot make a key: no include path matches the value ($.b)`,
    );
  });
});

describe('input that is too large: one line, exit code 4', () => {
  it('600 MB are refused before they are read, and accepted with --raw', async () => {
    const large = join(files.path, 'large.json');
    const fd = openSync(large, 'w');
    ftruncateSync(fd, 600_000_000);
    closeSync(fd);
    const message = `${large}: its 600,000,000 bytes are more than the 536,870,888 bytes that can be read as a whole; --raw without --uuid accepts any size`;
    expectFailure(await samekey(['key', large]), 4, message);
    expectFailure(await samekey(['explain', good, large]), 4, message);
    expectFailure(await samekey(['key', '--raw', '--uuid', 'dns', large]), 4, message);
    expect(await samekey(['key', '--raw', large])).toMatchObject({ code: 0, stderr: '' });
  });

  it('more values than fit into memory are refused before the memory is full', async () => {
    const many = files.write('many.json', `[${'{},'.repeat(2_000_000)}1]`);
    const nodeOptions = ['--max-old-space-size=64'];
    expectFailure(
      await samekey(['key', many], { nodeOptions }),
      4,
      /many\.json: it has more values than fit safely into the memory of Node\.js/,
    );
  });
});

describe('nothing to read: one line', () => {
  const loop = join(files.path, 'loop');
  symlinkSync('loop', loop);

  it.each([
    ['missing.json', 'missing.json: no such file'],
    [files.path, `${files.path}: it is a directory, wanted a file`],
    [join(good, 'x'), `${good}/x: a part of the path is not a directory`],
    [loop, `${loop}: its symbolic links form a loop`],
    ['a\u001b[31m\nb', 'a\\u001b[31m\\u000ab: no such file'],
  ])('%j, exit code 3', async (file, message) => {
    for (const args of [
      ['key', file],
      ['key', '--raw', file],
      ['keys', file],
      ['check', file],
      ['audit', file],
      ['explain', file],
    ]) {
      expectFailure(await samekey(args), 3, message);
    }
  });

  it('a file without read permission, exit code 3', async () => {
    const file = files.write('secret.json', '{}');
    chmodSync(file, 0);
    const message = `${file}: permission denied`;
    if (process.getuid?.() !== 0) return expectFailure(await samekey(['key', file]), 3, message);
    // Root can read every file. The user nobody cannot, but cannot read the checkout either: it runs a copy.
    chmodSync(files.path, 0o755);
    const copy = join(files.path, 'package');
    cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    const nodeOptions = ['--import', 'data:text/javascript,process.setuid(65534)'];
    const program = join(copy, 'dist/cli/samekey.js');
    expectFailure(await samekey(['key', file], { nodeOptions, program }), 3, message);
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
    for (const command of ['key', 'keys', 'check', 'audit']) {
      const { code, stdout } = await onTerminal([command]);
      expect(stdout).toBe(
        `samekey: no input: wanted samekey ${command} FILE, or a pipe into it (- reads the terminal)\n`,
      );
      expect(code).toBe(2);
    }
  });
});

describe('an invalid command line: one line, exit code 2', () => {
  it.each([
    [
      [],
      /^wanted a command: key, keys, explain, check, audit, engine, bench, playground, store, dashboard, batch or proxy; see samekey --help$/,
    ],
    [['explian'], /^unknown command 'explian' \(Did you mean explain\?\)$/],
    [['key', '--exlude', 'a'], /^unknown option '--exlude' \(Did you mean --exclude\?\)$/],
    [['key', good, good], /^too many arguments for 'key'/],
    [['key', ''], /^FILE is empty: wanted a path, or - for standard input$/],
    [['explain'], /^missing required argument 'A'/],
    [['key', good, '--scope'], /'-s, --scope <text>' argument missing/],
    [['key', good, '--scope', ''], /^--scope is empty, as after an unset variable/],
    [['key', good, '--scope', '--json'], /^--scope wants a value, found --json, as after an/],
    [['key', good, '--scope', 'a', '--uuid', 'dns'], /^--scope applies to keys/],
    [['key', good, '--bits', '64'], /argument '64' is invalid\. Allowed choices are 256, 128/],
    [['key', good, '--bits', '128', '--uuid', 'dns'], /^--bits applies to keys/],
    [['keys', good, '--threads', '0'], /^option '-t, --threads <count>' argument '0' is invalid/],
    [['keys', good, '--threads', '1e3'], /'1e3' is invalid\. Wanted a whole number from 1 to 1024/],
    [['keys', good, '--uuid', 'nope'], /^--uuid "nope": wanted dns, url, oid, x500 or a UUID$/],
    [['keys', good, '--uuid', 'dns', '--threads', '2'], /^--threads applies to keys/],
    [['keys', good, '--uuid', 'dns', '--scope', 'a'], /^--scope applies to keys/],
    [['keys', good, '--json', '--tsv'], /^--json and --tsv are both a form of the output/],
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
    [['key', good, '-x', '$'], /^--exclude names "\$"/],
    [['explain', good, '-i', 'a.b'], /^Cannot read the path "a\.b" at position 1/],
  ])('%j', async (args, message) => {
    expectFailure(await samekey(args, { env: { SET_EMPTY: '' } }), 2, message);
  });

  it('does not print a secret that was passed instead of its name', async () => {
    const run = await samekey(['key', good, '--secret-env', 'sk-live-12345']);
    expectFailure(run, 2, /^--secret-env wants the name of an environment variable/);
    expect(run.stderr).not.toContain('12345');
  });
});

describe('output that cannot be written', () => {
  it('ends the program silently with code 141 after a broken pipe', async () => {
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

  itWith(
    '/dev/full',
    existsSync('/dev/full'),
    'is an error with code 3 when the disk is full',
    async () => {
      const child = spawn(process.execPath, [PROGRAM, 'key', good], {
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
      });
      let stderr = '';
      child.stderr?.on('data', (chunk) => {
        stderr += chunk;
      });
      expect(await new Promise((resolve) => child.on('close', resolve))).toBe(3);
      expect(stderr).toBe('samekey: standard output: cannot be written (ENOSPC)\n');
    },
  );
});

describe('help', () => {
  it('prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const flag of ['--version', '-V']) {
      expect(await samekey([flag])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
  });

  it('shows an example of each command', async () => {
    const { code, stdout, stderr } = await samekey(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of ['key', 'keys', 'explain', 'check', 'audit', 'engine']) {
      const help = await samekey([command, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(
        new RegExp(`^Examples:\\n(?: .*\\n)*.*samekey ${command}\\b`, 'm'),
      );
      expect(stdout).toMatch(new RegExp(`^ .*samekey ${command}\\b`, 'm'));
      expect((await samekey(['help', command])).stdout).toBe(help.stdout);
    }
  });

  it('of a nested command is the same by help and by --help', async () => {
    for (const words of [
      ['batch', 'plan'],
      ['batch', 'record'],
      ['store', 'ls'],
    ]) {
      const help = await samekey([...words, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(new RegExp(`^Usage: samekey ${words.join(' ')} `));
      expect(await samekey(['help', ...words])).toEqual(help);
    }
    expect((await samekey(['help', 'batch'])).stdout).toMatch(/^Usage: samekey batch /);
    expect((await samekey(['help'])).stdout).toBe((await samekey(['--help'])).stdout);
  });

  it('of an unknown command is an error', async () => {
    expectFailure(
      await samekey(['help', 'batch', 'plna']),
      2,
      "unknown command 'plna'; see samekey help batch",
    );
    expectFailure(await samekey(['help', 'kye']), 2, "unknown command 'kye'; see samekey --help");
    expectFailure(
      await samekey(['batch', 'plan', '--zzzzzzzz']),
      2,
      /; see samekey help batch plan$/,
    );
  });

  it('lists the exit codes, as docs/cli.md does', async () => {
    const { stdout } = await samekey(['--help']);
    const listed = [...stdout.matchAll(/^ {2}(\d+) +(.+)$/gm)].map(([, code, text]) => [
      code,
      text,
    ]);
    expect(listed.map(([code]) => code)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
      '70',
      '130',
      '141',
      '143',
    ]);
    const page = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');
    const rows = [...page.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map(([, code, text]) => [
      code,
      text?.replaceAll('\\|', '|'),
    ]);
    expect(rows).toEqual(listed);
  });
});
