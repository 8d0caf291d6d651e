import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  errored,
  fresh,
  jsonl,
  type Line,
  linesIn,
  openaiLine,
  plan,
  planned,
  root,
  succeeded,
} from './batch-program.js';
import { samekey } from './program.js';

const names = ['a', 'b', 'c'];
const requests = jsonl(names.map((name) => openaiLine(name, `${name}?`)));

/** A plan of three requests, whose results are in a file. */
async function recorded(
  make: (lines: readonly [Line, Line, Line]) => string | Buffer,
  ...more: string[]
) {
  const { out, store } = fresh();
  await plan(requests, { out, store });
  const file = `${out}-results.jsonl`;
  writeFileSync(file, make(planned(out) as [Line, Line, Line]));
  const run = await samekey(['batch', 'record', file, '--store', store, ...more]);
  const again = await plan(requests, { out: `${out}2`, store }, '--json');
  const answers = await samekey(['batch', 'results', '--store', store], { input: requests });
  return {
    ...run,
    file,
    toSend: JSON.parse(again.stdout).toSend,
    answered: linesIn(answers.stdout).map(({ custom_id: name }) => name),
  };
}
const good = (line: Line) => JSON.stringify(succeeded(line, 'of it'));

describe('samekey batch record with an invalid line', () => {
  const CASES: [string, (line: Line) => string | Buffer, string][] = [
    ['text that was cut off', (b) => good(b).slice(0, -20), 'it is not JSON, wanted an object'],
    [
      'a result of another shape',
      ({ custom_id }) => JSON.stringify({ custom_id, response: 'x' }),
      'wanted a result of a batch: "custom_id" and "result", or "response" and "error"',
    ],
    [
      'bytes that are not UTF-8',
      (b) => Buffer.from(good(b).replace('of it', '\xff'), 'latin1'),
      'it is not UTF-8',
    ],
    [
      'a body that is cut out',
      ({ custom_id }) => JSON.stringify({ custom_id, response: { status_code: 200 }, error: null }),
      'wanted a result of a batch: "custom_id" and "result", or "response" and "error"',
    ],
  ];

  it.each(CASES)('%s records all others and plans its request again', async (_, make, reason) => {
    const run = await recorded(([a, b, c]) =>
      Buffer.concat([good(a), '\n', make(b), '\n', good(c), '\n'].map((each) => Buffer.from(each))),
    );
    expect(run).toMatchObject({
      code: 4,
      stdout: '2 results stored, 1 to send again, 1 malformed\n',
      stderr: `samekey: ${run.file}: line 2: ${reason}\nsamekey: ${run.file}: 1 line skipped of 3 lines\n`,
      toSend: 1,
      answered: ['a', 'c'],
    });
  });

  it('exits with code 0 with --skip-invalid, and counts it in JSON', async () => {
    const run = await recorded(
      ([a, b, c]) => `${good(a)}\n${good(b).slice(0, 80)}\n${good(c)}\n`,
      '--skip-invalid',
      '--json',
    );
    expect(run).toMatchObject({ code: 0, toSend: 1, answered: ['a', 'c'] });
    expect(JSON.parse(run.stdout)).toMatchObject({
      lines: 3,
      skipped: 1,
      stored: 2,
      released: 1,
      malformed: 1,
    });
  });

  it('at the end of a file that was cut off', async () => {
    const run = await recorded(([a, b, c]) => jsonl([good(a), good(b), good(c)]).slice(0, -30));
    expect(run).toMatchObject({ code: 4, toSend: 1, answered: ['a', 'b'] });
    expect(run.stderr).toContain(`${run.file}: line 3: it is not JSON`);
  });

  it('longer than the largest line', async () => {
    const run = await recorded(([a, b, c]) => {
      const { custom_id } = b;
      const long = JSON.stringify({ custom_id, filler: 'x'.repeat(70_000_000) });
      return jsonl([good(a), long, good(c)]);
    });
    expect(run).toMatchObject({ code: 4, answered: ['a', 'c'] });
    expect(run.stderr).toMatch(/line 2: it has more than 67,108,864 bytes/);
  });

  it('that names no request leaves all requests as they are', async () => {
    const run = await recorded(([a, b, c]) => jsonl([good(a), 'nonsense', good(b), errored(c)]));
    expect(run).toMatchObject({
      code: 4,
      stdout: '2 results stored, 1 to send again, 1 malformed\n',
      toSend: 1,
      answered: ['a', 'b'],
    });
  });

  it('reads a byte order mark, CRLF and blank lines', async () => {
    const run = await recorded(
      ([a, b, c]) => `\ufeff\r\n${good(a)}\r\n\r\n${good(b)}\r\n \t\n${good(c)}`,
    );
    expect(run).toMatchObject({ code: 0, stderr: '', toSend: 0, answered: names });
  });
});

describe('samekey batch results with an invalid line', () => {
  it('prints the results of all other requests', async () => {
    const { out, store } = fresh();
    await plan(requests, { out, store });
    const results = jsonl(planned(out).map(good));
    await samekey(['batch', 'record', '--store', store], { input: results });
    const [a, b, c] = requests.trimEnd().split('\n');
    const file = join(root, 'cut.jsonl');
    writeFileSync(file, `${a}\n${b?.slice(0, -10)}\n${c}\n`);
    const run = await samekey(['batch', 'results', file, '--store', store]);
    expect(linesIn(run.stdout).map(({ custom_id: name }) => name)).toEqual(['a', 'c']);
    expect(run).toMatchObject({
      code: 4,
      stderr: `samekey: ${file}: line 2: it is not JSON, wanted an object\nsamekey: ${file}: 1 line skipped of 3 lines\n`,
    });
    const skipping = await samekey(['batch', 'results', file, '--store', store, '--skip-invalid']);
    expect(skipping.code).toBe(0);
  });
});
