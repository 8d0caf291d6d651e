/** A byte order mark, CRLF and a cut-off last line mean the same in every command that reads text. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fresh, openaiLine, planned, succeeded } from './batch-program.js';
import { expectFailure, folder, type Run, samekey } from './program.js';

const files = folder();
const MARK = '\ufeff';

/** A command that reads text. */
interface Command {
  /** The text as it should be: lines that end with a line feed. */
  readonly text: string;
  /** Runs the command on `path`, or on standard input. The result has nothing that differs by run. */
  run(path: string | undefined, input: string | Uint8Array): Promise<Run>;
  /** What the command does with a last line that is cut off: its exit code, and what it prints. */
  readonly cutOff: readonly [code: number, stdout: RegExp, stderr: RegExp];
}

/** A command whose argument is the file. */
const plain = (args: readonly string[], text: string, cutOff: Command['cutOff']): Command => ({
  text,
  cutOff,
  async run(path, input) {
    const run = await samekey([...args, path ?? '-'], { input });
    const anonymous = (shown: string) => shown.replaceAll(path ?? 'standard input', 'FILE');
    return { ...run, stdout: anonymous(run.stdout), stderr: anonymous(run.stderr) };
  },
});

const LINES = '{"a":1}\n{"b":"é"}\n{"a":1}\n';
const LOG = '{"key":"a"}\n{"key":"b"}\n{"key":"a"}\n';
const KEYS = `${'ik_'.padEnd(67, '0')}\n`.repeat(3);
const REQUESTS = ['A?', 'B?', 'A?'].map((content) => `${openaiLine('a', content)}\n`).join('');

const COMMANDS: Readonly<Record<string, Command>> = {
  key: plain(['key'], '{"a":1,\n"b":"é"\n}\n', [
    4,
    /^$/,
    /line 3, column 1 .*: found the end, wanted/,
  ]),
  'key --json': plain(['key', '--json'], '{\n"a":[1,\n2]}\n', [4, /^$/, /found the end, wanted/]),
  'key --uuid': plain(['key', '--uuid', 'dns'], '{"a":\n1}\n', [4, /^$/, /found the end, wanted/]),
  keys: plain(['keys'], LINES, [4, /^(ik_\w+\n){2}$/, /line 3, column 7: found the end, wanted/]),
  'keys --json': plain(['keys', '--json'], LINES, [4, /^({.*}\n){2}$/, /line 3, column 7/]),
  'keys --uuid': plain(['keys', '--uuid', 'dns'], LINES, [4, /^(.{36}\n){2}$/, /line 3, column 7/]),
  explain: plain(['explain'], '{"a":1,\n"b":"é"}\n', [4, /^$/, /found the end, wanted/]),
  check: plain(['check'], KEYS, [
    1,
    /^3:1: malformed: ik_0+: .*65 characters|^3:1: malformed/,
    /1 malformed key/,
  ]),
  audit: plain(['audit'], LOG, [
    0,
    /2 calls with 2 keys/,
    /1 line without a JSON object \(line 3\)/,
  ]),
  'audit --request-field': plain(['audit', '-r', '$'], LINES, [
    0,
    /2 calls with 2 keys/,
    /1 line without a JSON object \(line 3\)/,
  ]),
  'batch plan': {
    text: REQUESTS,
    async run(path, input) {
      const { out, store } = fresh();
      const args = ['batch', 'plan', path ?? '-', '--out', out, '--store', store];
      const { code, stdout, stderr } = await samekey(args, { input });
      const shown = (text: string) =>
        text.replaceAll(path ?? 'standard input', 'FILE').replaceAll(out, 'OUT');
      const sent = planned(out).map(({ body }) => JSON.stringify(body));
      return { code, stdout: shown(stdout) + sent.join('\n'), stderr: shown(stderr) };
    },
    cutOff: [4, /^$/, /FILE: line 3: it is not JSON, wanted an object/],
  },
  'batch record and results': {
    text: REQUESTS,
    async run(path, input) {
      const { out, store } = fresh();
      const batch = (command: string, ...args: string[]) =>
        samekey(['batch', command, ...args, '--store', store], { input });
      const whole = files.write('whole.jsonl', REQUESTS);
      expect(await batch('plan', whole, '--out', out)).toMatchObject({ code: 0 });
      const results = planned(out).map((line) => `${JSON.stringify(succeeded(line, 'é'))}\n`);
      const isMarked = Buffer.from(input).toString().startsWith(MARK);
      const isCrlf = Buffer.from(input).includes('\r\n');
      const isEnded = Buffer.from(input).toString().endsWith('\n');
      let text = `${isMarked ? MARK : ''}${results.join('')}`;
      if (isCrlf) text = text.replaceAll('\n', '\r\n');
      if (!isEnded) text = text.replace(/\r?\n$/, '');
      const recorded = await batch('record', files.write('results.jsonl', text));
      expect(recorded).toMatchObject({ code: 0, stderr: '' });
      const run = await samekey(['batch', 'results', path ?? '-', '--store', store], { input });
      const stderr = run.stderr.replaceAll(path ?? 'standard input', 'FILE');
      const ids = /ik_\w+-\d+/g;
      return { ...run, stdout: recorded.stdout + run.stdout.replace(ids, 'ID'), stderr };
    },
    cutOff: [
      4,
      /^2 results stored, .*\n({"custom_id":"a".*\n){2}$/,
      /FILE: line 3: it is not JSON/,
    ],
  },
  '--prices of audit': {
    text: '{"prices":\n{"m":{"inputPerMillion":1,"outputPerMillion":2}}}\n',
    async run(path, input) {
      const file = path ?? files.write('prices.json', input);
      const log =
        '{"key":"a","model":"m","usage":{"prompt_tokens":1000000,"completion_tokens":0}}\n';
      const run = await samekey(['audit', '--prices', file], { input: log.repeat(2) });
      return { ...run, stderr: run.stderr.replaceAll(file, 'FILE') };
    },
    cutOff: [2, /^$/, /--prices FILE: it is not JSON/],
  },
};

const crlf = (text: string) => text.replaceAll('\n', '\r\n');
const unended = (text: string) => text.replace(/\r?\n$/, '');
const marked = (text: string) => MARK + text;
/** Each difference on standard input or on a file, and all of them on both. */
const VARIANTS = [
  marked,
  crlf,
  unended,
  (text: string) => marked(unended(crlf(text))),
  (text: string) => marked(unended(crlf(text))),
];

describe.each(Object.entries(COMMANDS))('samekey %s', (name, command) => {
  let count = 0;
  /** Runs the command on a file or on standard input, in turn. */
  const runOn = (input: string | Uint8Array) => {
    const path = count++ % 2 === 0 ? undefined : files.write(`${name} ${count}`, input);
    return command.run(path, input);
  };

  it('reads a byte order mark, CRLF and a last line without a line feed as the plain text', async () => {
    const expected = await runOn(command.text);
    expect(expected.code).toBe(0);
    expect(expected.stdout + expected.stderr).not.toBe('');
    for (const change of VARIANTS) expect(await runOn(change(command.text))).toEqual(expected);
  });

  it('does not read a last line that is cut off as if it were whole', async () => {
    const [code, stdout, stderr] = command.cutOff;
    for (const change of [crlf, marked]) {
      const run = await runOn(change(command.text).replace(/.\r?\n$/, ''));
      expect(run.code).toBe(code);
      expect(run.stdout).toMatch(stdout);
      expect(run.stderr).toMatch(stderr);
    }
  });

  it('refuses UTF-16', async () => {
    for (const bytes of [utf16(command.text), utf16(command.text).swap16()]) {
      const run = await runOn(bytes);
      if (name === 'batch record and results') expect(run.code).toBe(4);
      else expectFailure(run, 4, /: it is UTF-16, wanted UTF-8$/);
    }
  });
});

const utf16 = (text: string) => Buffer.from(MARK + text, 'utf16le');

describe('a byte order mark', () => {
  it('that comes in parts is one', async () => {
    const { Readable } = await import('node:stream');
    const input = Readable.from(
      (async function* () {
        for (const byte of Buffer.from(`${MARK}{"a":1}`)) {
          yield Buffer.of(byte);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      })(),
    );
    const { stdout } = await samekey(['key'], { input: '{"a":1}' });
    expect(await samekey(['key'], { input })).toEqual({ code: 0, stdout, stderr: '' });
  });

  it('alone is an empty input', async () => {
    expectFailure(await samekey(['key'], { input: MARK }), 4, /^standard input: it is empty/);
    expectFailure(await samekey(['audit'], { input: MARK }), 4, /: it is empty$/);
    expect(await samekey(['keys'], { input: MARK })).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('is part of raw bytes', async () => {
    const [whole, bare] = await Promise.all(
      [MARK, ''].map((mark) => samekey(['key', '--raw'], { input: `${mark}{"a":1}` })),
    );
    expect(whole?.code).toBe(0);
    expect(whole?.stdout).not.toBe(bare?.stdout);
  });
});

it('covers every command that reads a text', () => {
  const source = join(import.meta.dirname, '../../src/cli');
  const readers = readdirSync(source).filter((name) =>
    /\b(?:textBytesOf|readText|readJson|readSettings|new LineReader)\(/.test(
      readFileSync(join(source, name), 'utf8'),
    ),
  );
  expect(readers).toEqual([
    'audit.ts',
    'batch-lines.ts',
    'batch-plan.ts',
    'batch-record.ts',
    'check.ts',
    // Tested in test/proxy/encrypted.test.ts.
    'encryption-keys.ts',
    'explain.ts',
    'input.ts',
    'key.ts',
    'keys.ts',
    'prices-file.ts',
    'proxy.ts',
  ]);
});
