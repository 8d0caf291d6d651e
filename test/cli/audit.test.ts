import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { keyOfJson } from '../../src/index.js';
import { expectFailure, folder, itOnTerminal, onTerminal, samekey } from './program.js';

const A = 'ik_43862ed8fe3a909eb1c24145058e160785911e5bf5d68632de2ee1ad9eeccc98';
const B = 'ik_d10a9b5c7ba474f83a59345d2725cec73424c1ef526a576d7ccae0d6d269faa0';
const COST = ['--cost-field', 'usage.cost'];

const files = folder();

const call = (key: unknown, cost?: unknown) => JSON.stringify({ key, usage: { cost } });
const log = (...lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

/** Runs `samekey audit --json` on these lines. */
async function audit(input: string | Uint8Array | Readable, ...args: string[]) {
  const { code, stdout, stderr } = await samekey(['audit', '--json', ...args], { input });
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return { code, ...JSON.parse(stdout), stderr };
}

describe('samekey audit', () => {
  const lines = log(call(A, 0.1), call(B, 0.2), call(A, 0.3), call('once', 5), call(A, 0.1));

  it('prints repeated keys, their lines and their wasted cost', async () => {
    const expected = {
      code: 0,
      stdout: [
        'times  first line  last line  wasted  key',
        `    3           1          5     0.2  ${A}`,
        '',
        '5 lines, 5 calls with 3 keys',
        '2 duplicates of 1 key, 0.2 wasted of 5.7',
        '',
      ].join('\n'),
      stderr: '',
    };
    expect(await samekey(['audit', files.write('calls.jsonl', lines), ...COST])).toEqual(expected);
    expect(await samekey(['audit', '-', ...COST], { input: lines })).toEqual(expected);
    expect(await samekey(['audit', ...COST], { input: lines.slice(0, -1) })).toEqual(expected);
    const input = lines.replaceAll('\n', '\r\n');
    expect(await samekey(['audit', ...COST], { input })).toEqual(expected);
  });

  it('prints costs only with an option for them', async () => {
    const { stdout } = await samekey(['audit'], { input: lines });
    expect(stdout).toBe(
      `times  first line  last line  key\n    3           1          5  ${A}\n\n5 lines, 5 calls with 3 keys\n2 duplicates of 1 key\n`,
    );
    expect(await audit(lines)).toEqual({
      code: 0,
      lines: 5,
      calls: 5,
      keys: 3,
      repeatedKeys: 1,
      duplicates: 2,
      notCompared: 0,
      faults: {},
      worst: [{ key: A, times: 3, firstLine: 1, lastLine: 5 }],
      stderr: '',
    });
  });

  it('accepts one cost for all calls', async () => {
    expect(await audit(lines, '--cost', '0.1')).toMatchObject({
      cost: 0.5,
      wasted: 0.2,
      worst: [{ wasted: 0.2 }],
    });
  });

  it('exits with code 1 for duplicates, with --fail-on-duplicates', async () => {
    expect((await samekey(['audit', '--fail-on-duplicates'], { input: lines })).code).toBe(1);
    expect(
      await samekey(['audit', '--fail-on-duplicates'], { input: log(call(A), call(B)) }),
    ).toEqual({
      code: 0,
      stdout: '2 lines, 2 calls with 2 keys\nno duplicates\n',
      stderr: '',
    });
  });

  it('lists the worst keys first: by cost, then by count, then by place', async () => {
    const input = log(
      ...['late', 'late', 'cheap', 'cheap', 'cheap', 'dear', 'dear', 'early', 'early'].map((key) =>
        call(key, { cheap: 0.001, dear: 0.5 }[key] ?? 0.002),
      ),
    );
    const { worst } = await audit(input, ...COST);
    expect(worst.map(({ key }: { key: string }) => key)).toEqual([
      'dear',
      'cheap',
      'late',
      'early',
    ]);
    const short = await samekey(['audit', ...COST, '--top', '1'], { input });
    expect(short.stdout).toContain('2           6          7     0.5  dear\n… and 3 more keys\n');
  });

  it('adds decimals without rounding errors', async () => {
    const input = log(...Array.from({ length: 1001 }, () => call(A, 0.1)));
    expect(await audit(input, ...COST)).toMatchObject({ cost: 100.1, wasted: 100 });
    const { stdout } = await samekey(['audit', ...COST], { input });
    expect(stdout).toContain('1,000 duplicates of 1 key, 100 wasted of 100.1\n');
    const tokens = await samekey(['audit', '--cost', '0.0000015'], { input: lines });
    expect(tokens.stdout).toContain('0.000003 wasted of 0.000008\n');
  });
});

describe('the field of the key', () => {
  it('is idempotency_key, idempotencyKey or key', async () => {
    const input = log(
      `{"key":"of something else","idempotency_key":"${A}"}`,
      `{"idempotencyKey":"${A}"}`,
      `{"key":"${A}","idempotency_key":null}`,
    );
    expect(await audit(input)).toMatchObject({ keys: 1, worst: [{ key: A, times: 3 }] });
  });

  it('is set by --key-field: nested members, or names with dots', async () => {
    const input = log(
      `{"headers":{"idempotency-key":"${A}"}}`,
      `{"headers.idempotency-key":"${A}"}`,
      `{"http":{"a.b":{"idempotency-key":"${A}"}}}`,
      `{"headers":["${A}"]}`,
    );
    const fields = ['-k', 'headers.idempotency-key', '-k', 'http.a.b.idempotency-key'];
    expect(await audit(input, ...fields)).toMatchObject({
      worst: [{ times: 3, lastLine: 3 }],
      faults: { noKey: { count: 1, firstLine: 4 } },
    });
    const path = ['-k', "$.headers['idempotency-key']"];
    expect(await audit(input, ...path)).toMatchObject({
      calls: 1,
      faults: { noKey: { count: 3 } },
    });
    const name = ['-k', "$['headers.idempotency-key']"];
    expect(await audit(input, ...name)).toMatchObject({
      calls: 1,
      faults: { noKey: { count: 3 } },
    });
  });

  it('ignores the quotes of a header', async () => {
    const input = log(JSON.stringify({ key: `"${A}"` }), call(A), call('"'), call('""'));
    expect(await audit(input)).toMatchObject({ keys: 3, worst: [{ key: A, times: 2 }] });
  });

  it('may contain exact numbers beyond 2^53', async () => {
    const input = log(
      '{"a":{"key":1},"key" : 9007199254740993 , "b":2}',
      '{"key":9007199254740992}',
      '{"key":1,"key":9007199254740993}',
      '{"k\\u0065y":"9007199254740993"}',
    );
    expect(await audit(input)).toMatchObject({
      keys: 2,
      worst: [{ key: '9007199254740993', times: 3, firstLine: 1, lastLine: 4 }],
    });
  });

  it('distinguishes keys that have the same UTF-8', async () => {
    const input = log('{"key":"\\ud800"}', '{"key":"\\ud801"}', '{"key":"\ufffd"}');
    expect(await audit(input)).toMatchObject({ keys: 3, duplicates: 0 });
  });

  it('ignores inherited properties', async () => {
    const run = await samekey(['audit', '-k', 'constructor.name'], { input: log('{}') });
    expectFailure(
      run,
      4,
      /: 1 line without a key at constructor\.name \(line 1\); --request-field FIELD derives/,
    );
    const input = log('{"__proto__":"p"}', '{"__proto__":"p"}');
    expect(await audit(input, '-k', '__proto__')).toMatchObject({ duplicates: 1 });
  });
});

describe('--request-field', () => {
  const body = '{"model":"m","n":1.0,"trace_id":"t-1"}';

  it('derives the same key as samekey key, from a value or from text', async () => {
    const input = log(
      `{"ts":1760000000000000001,"body":${body}}`,
      JSON.stringify({ body }),
      '{"body": {"trace_id":"t-2","n":1,"model":"\\u006d"} }',
    );
    expect(await audit(input, '-r', 'body')).toMatchObject({
      keys: 2,
      worst: [{ key: keyOfJson(body), times: 2, lastLine: 2 }],
      faults: {},
    });
    const identity = ['-x', 'trace_id', '-s', 'prod', '-b', '128'];
    const { stdout } = await samekey(['key', ...identity], { input: body });
    expect(await audit(input, '-r', 'body', ...identity)).toMatchObject({
      keys: 1,
      worst: [{ key: stdout.trim(), times: 3 }],
    });
  });

  it('may be the whole line', async () => {
    const input = log(
      '{"at":1,"method":"POST","path":"/a","body":{"n":1}}',
      '{"at":2,"method":"POST","path":"/b","body":{"n":1}}',
      '{"at":3,"method":"POST","path":"/a","body":{"n":1.0}}',
    );
    const args = ['--request-field', '$', '-i', 'method', '-i', 'path', '-i', 'body'];
    expect(await audit(input, ...args)).toMatchObject({
      worst: [{ times: 2, firstLine: 1, lastLine: 3 }],
      duplicates: 1,
    });
  });

  it('counts lines without a request, and invalid requests', async () => {
    const input = log(
      `{"body":${body}}`,
      '{"body":null}',
      '{"body":""}',
      '{}',
      '{"body":{"id":1e999}}',
      '{"body":{"id":9007199254740993}}',
      '{"body":{"id":9007199254740992}}',
      '{"body":"id=7&n=1"}',
      `{"body":${'['.repeat(5000)}${']'.repeat(5000)}}`,
    );
    const run = await audit(input, '-r', 'body');
    expect(run).toMatchObject({
      calls: 3,
      faults: { noKey: { count: 3, firstLine: 2 }, badRequest: { count: 3, firstLine: 5 } },
    });
    expect(run.stderr).toBe(
      [
        'samekey: standard input: 3 lines without a request at body (first: line 2)',
        'samekey: standard input: 3 lines with a request that has no key (first: line 5: found "1e999", wanted a finite double)',
        '',
      ].join('\n'),
    );
    expect(await audit(input, '-r', 'body', '--big-numbers', 'double')).toMatchObject({
      calls: 3,
      duplicates: 1,
    });
  });
});

describe('lines and costs that cannot be used are counted', () => {
  it('lines without a call', async () => {
    const input = Buffer.concat([
      Buffer.from(`\ufeff${call(A)}\n\n \t\r\noops\n[1]\n42\n{"key":"${B}"\n`),
      Buffer.from('{"key":"caf\xe9"}\n', 'latin1'),
      Buffer.from(log('{"key":""}', '{"key":{"a":1}}', '{"key":true}', '{}', `{"key":"${A}"}`)),
    ]);
    const run = await audit(input);
    expect(run).toMatchObject({
      lines: 13,
      calls: 2,
      worst: [{ key: A, firstLine: 1, lastLine: 13 }],
      faults: { notObject: { count: 5, firstLine: 4 }, noKey: { count: 4, firstLine: 9 } },
    });
    expect(run.stderr).toBe(
      [
        'samekey: standard input: 5 lines without a JSON object (first: line 4)',
        'samekey: standard input: 4 lines without a key at idempotency_key, idempotencyKey, key (first: line 9); --request-field FIELD derives the key from a logged request',
        '',
      ].join('\n'),
    );
  });

  it('missing costs, and invalid costs', async () => {
    const good = [0.25, '0.25', '2.5e-1', 0];
    const missing = [undefined, null];
    const bad = ['$0.25', '', -1, '-1', true, [1], { usd: 1 }, 1e300, 'NaN', '0x10', '1e999'];
    const input = log(
      ...[...good, ...missing, ...bad].map((cost) => call(A, cost)),
      '{"key":"a","usage":7}',
      '{"key":"a","usage":{"cost":1e999}}',
    );
    const run = await audit(input, ...COST);
    expect(run).toMatchObject({
      calls: 19,
      cost: 0.75,
      wasted: 0.5,
      faults: { noCost: { count: 3, firstLine: 5 }, badCost: { count: 12, firstLine: 7 } },
    });
    expect(run.stderr).toContain(
      ': 12 lines with an invalid cost at usage.cost (first: line 7: "$0.25")\n',
    );
  });

  it('control characters in keys and costs are escaped', async () => {
    const input = log(call('\u001b[31m', '\u001b[2J'), call('\u001b[31m', '\u202e'));
    const { stdout, stderr } = await samekey(['audit', ...COST], { input });
    expect(stdout).toContain('  \\u001b[31m\n');
    expect(stderr).toContain('(first: line 1: "\\u001b[2J")');
  });

  it('a text that is too long for a key is cut, and says so', async () => {
    const key = 'k'.repeat(1_000_000);
    const { worst } = await audit(log(call(key), call(`${key}!`), call(key)));
    const shown = `${key.slice(0, 16_384)}… (the first 16384 of 1000000 characters)`;
    expect(worst).toEqual([{ key: shown, times: 2, firstLine: 1, lastLine: 3 }]);
  });

  it('a key as long as the headers of a request is whole', async () => {
    const key = 'k'.repeat(16_384);
    const input = log(call(key), call(key));
    expect((await audit(input)).worst).toEqual([{ key, times: 2, firstLine: 1, lastLine: 2 }]);
    expect((await samekey(['audit'], { input })).stdout).toContain(`  ${key}\n`);
  });
});

describe('large lines', () => {
  /** Yields a line of this many megabytes. */
  function* line(megabytes: number, piece: string) {
    yield `{"key":"${A}","body":`;
    const block = Buffer.from(piece.repeat(1e6 / piece.length));
    for (let i = 0; i < megabytes; i++) yield block;
  }

  it('of 60 MB are read, those of 100 MB are counted, and reading continues', async () => {
    const input = Readable.from(
      (function* () {
        yield `${call(A)}\n`;
        yield* line(60, 'x');
        yield '}\n';
        yield* line(100, '"');
        yield `"}\n${call(A)}`;
      })(),
    );
    const run = await audit(input);
    expect(run).toMatchObject({
      lines: 4,
      calls: 2,
      faults: { notObject: { count: 1, firstLine: 2 }, tooLarge: { count: 1, firstLine: 3 } },
    });
    const body = JSON.stringify('"\\'.repeat(15e6));
    const long = `{"key":"${A}","body":${body},"usage":{"cost":2}}\n${call(A, 1)}`;
    expect(await audit(long, ...COST)).toMatchObject({ duplicates: 1, wasted: 1, faults: {} });
  });

  it('with more values than fit into memory are counted', async () => {
    const input = `{"key":"${A}","body":[${'{},'.repeat(2_000_000)}1]}\n${call(A)}`;
    const nodeOptions = ['--max-old-space-size=64'];
    const { code, stdout, stderr } = await samekey(['audit'], { input, nodeOptions });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '2 lines, 1 call with 1 key\nno duplicates\n',
    });
    expect(stderr).toMatch(/: 1 line of more than 67,108,864 bytes, or .* \(line 1\)\n$/);
  });
});

describe('memory', () => {
  const TELL =
    'data:text/javascript,process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';

  /** The peak memory in kilobytes for this many lines, all with different keys. */
  async function peak(lineCount: number, ...args: string[]) {
    const input = Readable.from(
      (function* () {
        for (let i = 0; i < lineCount; i += 1000) {
          yield log(...Array.from({ length: 1000 }, (_, k) => `{"key":"order-${i + k}"}`));
        }
      })(),
    );
    const nodeOptions = ['--max-old-space-size=64', '--import', TELL];
    const { stdout, stderr } = await samekey(['audit', '--json', ...args], { input, nodeOptions });
    return { ...JSON.parse(stdout), kilobytes: Number(/^\d+$/m.exec(stderr)?.[0]) };
  }

  it('is a few bytes per key, and does not grow beyond --max-keys', async () => {
    const small = await peak(100_000, '--max-keys', '1');
    const large = await peak(400_000);
    const bounded = await peak(400_000, '--max-keys', '1');
    expect(large).toMatchObject({ keys: 400_000, duplicates: 0, notCompared: 0 });
    // Both peaks include the memory that was free before the tally grew.
    expect(large.kilobytes - small.kilobytes).toBeLessThan(50 * 1024);
    expect(bounded).toMatchObject({ keys: 1, calls: 400_000, notCompared: 399_999 });
    expect(bounded.kilobytes - small.kilobytes).toBeLessThan(25 * 1024);
  });

  it('for fewer keys than the log has is reported, with exit code 4', async () => {
    const input = log(call(A), call(B), call(A), call(B));
    expect(await samekey(['audit', '--max-keys', '1'], { input })).toEqual({
      code: 4,
      stdout: [
        'times  first line  last line  key',
        `    2           1          3  ${A}`,
        '',
        '4 lines, 4 calls with more than 1 key',
        '1 duplicate of 1 key among those compared',
        '',
      ].join('\n'),
      stderr:
        'samekey: standard input: 2 calls not compared, with keys beyond the first 1; see --max-keys\n',
    });
    const args = ['audit', '--max-keys', '1', '--fail-on-duplicates'];
    expect((await samekey(args, { input })).code).toBe(1);
    expect((await samekey(args, { input: log(call(A), call(B)) })).code).toBe(4);
  });
});

describe('a log without a call: one line, exit code 4', () => {
  it.each([
    ['', /^standard input: no line is a call: it is empty$/],
    ['\n \r\n', /^standard input: no line is a call: it is blank$/],
    [
      '{"a":1}\n',
      /: 1 line without a key at idempotency_key, idempotencyKey, key \(line 1\); --request-field FIELD/,
    ],
    ['[\n {\n  "key":"a"\n }\n]\n', /: 5 lines without a JSON object \(first: line 1\)$/],
    ['\u001b[31m\n{}', /: 1 line without a JSON object \(line 1\); 1 line without a key at /],
  ])('%j', async (input, message) => {
    expectFailure(await samekey(['audit', '--fail-on-duplicates'], { input }), 4, message);
  });
});

describe('an invalid command line: one line, exit code 2', () => {
  it.each([
    [['--cost', '-1'], /argument '-1' is invalid\. Wanted a number from 0, as in 0\.01/],
    [['--cost', 'Infinity'], /Wanted a number from 0/],
    [['--cost', ''], /Wanted a number from 0/],
    [['--cost', '1', '--cost-field', 'a'], /^--cost-field and --cost both define the cost/],
    [['-k', 'a', '-r', 'b'], /^--key-field and --request-field both define the key/],
    [['-k', 'a..b'], /^--key-field "a\.\.b": wanted names joined by dots, as in usage\.cost$/],
    [['-c', ''], /^--cost-field "": wanted names/],
    [['-r', '$.a[0]'], /^--request-field "\$\.a\[0\]": wanted names/],
    [['-r', '$..a'], /^--request-field "\$\.\.a": wanted names/],
    [['-r', '$.'], /^Cannot read the path "\$\." at position 2/],
    [['-x', 'a'], /^--exclude applies to derived keys only, wanted --request-field too$/],
    [['--secret-env', 'X'], /^--secret-env applies to derived keys only/],
    [['-p', 'openai', '-k', 'a'], /^--preset applies to derived keys only/],
    [['--top', '0'], /'0' is invalid\. Wanted a whole number from 1 to 1000/],
    [['--max-keys', '1e9'], /'1e9' is invalid\. Wanted a whole number from 1 to 1000000000/],
    [['a', 'b'], /^too many arguments for 'audit'.*see samekey help audit$/],
  ])('%j', async (args, message) => {
    expectFailure(await samekey(['audit', ...args], { input: '{"key":"a"}' }), 2, message);
  });
});

describe('on a terminal', () => {
  const file = files.write('terminal.jsonl', log(call(A, 1), call(A, 1), call(B, 1)));

  itOnTerminal('a key is never cut: it has its own line where the row is too narrow', async () => {
    for (const columns of [40, 60, 104]) {
      const { code, stdout } = await onTerminal(['audit', file, ...COST], { columns });
      expect(code).toBe(0);
      const rows = stdout.split('\n');
      expect(rows.slice(2, 4)).toEqual(['    2           1          2       1', A]);
      expect(stdout).toContain('\x1b[31m1 duplicate of 1 key, 1 wasted of 3\x1b[39m');
    }
    const { stdout } = await onTerminal(['audit', file, ...COST], { columns: 105 });
    expect(stdout.split('\n')[1]).toBe(`    2           1          2       1  ${A}`);
  });

  itOnTerminal('shows a progress bar', async () => {
    const shell = `(for i in 1 2 3; do echo '{"key":"a"}'; sleep 1; done) | %`;
    const { code, stdout } = await onTerminal(['audit', '-'], { shell, columns: 100 });
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d+ bytes {2}[1-3] lines? {2}\d+ bytes\/s/);
    expect(stdout).toMatch(/3 lines, 3 calls with 1 key\n/);
  });
});

describe('a line without a key: the message names the flag that finds one', () => {
  const request = { model: 'm', messages: [] };
  it.each([
    [{ body: request }, [], '--request-field body derives the key from the request'],
    [{ body: JSON.stringify(request) }, [], '--request-field body derives'],
    [{ request: { body: request } }, [], '--request-field request.body derives'],
    [request, [], "--request-field '$' derives"],
    [{ req: { body: request } }, ['-r', 'body'], '--request-field req.body derives'],
    [{ a: 1 }, [], '--request-field FIELD derives the key from a logged request'],
    [
      { headers: { 'idempotency-key': 'x' }, body: request },
      [],
      '--key-field headers.idempotency-key',
    ],
    [{ note: { 'a b': A } }, [], `--key-field '$["note"]["a b"]' has one`],
  ])('%j %j', async (line, args, hint) => {
    const run = await samekey(['audit', ...args], { input: log(JSON.stringify(line)) });
    expectFailure(run, 4, new RegExp(`\\(line 1\\); ${hint.replace(/[$[\]]/g, '\\$&')}`));
    // The suggestion works.
    const [, flag, field] =
      /(--\S+-field) (?:'(.+)'|(\S+))/.exec(run.stderr)?.filter(Boolean) ?? [];
    if (field === 'FIELD') return;
    const input = log(JSON.stringify(line), JSON.stringify(line));
    expect(await audit(input, flag as string, field as string)).toMatchObject({ duplicates: 1 });
  });

  it('without a request at the field that was named, and none elsewhere', async () => {
    const run = await samekey(['audit', '-r', 'body'], { input: log('{"a":1}') });
    expectFailure(run, 4, /: 1 line without a request at body \(line 1\)$/);
  });
});
