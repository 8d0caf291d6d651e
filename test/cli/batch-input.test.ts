import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  fresh,
  jsonl,
  linesIn,
  openaiLine,
  plan,
  planned,
  succeeded,
  write,
} from './batch-program.js';
import { expectFailure, samekey } from './program.js';

describe('samekey batch refuses', () => {
  const failing: [string, string, RegExp][] = [
    ['text that is not JSON', 'nonsense', /line 2: it is not JSON, wanted an object$/],
    ['JSON that is not an object', '[1]', /line 2: wanted a JSON object$/],
    [
      'an object that is not a request',
      '{}',
      /line 2: wanted a member "params" \(Anthropic\) or "body" \(OpenAI\)$/,
    ],
    [
      'a request to another provider',
      '{"params":{}}',
      /line 2: it is a request to anthropic, wanted openai/,
    ],
    ['a body that is not an object', '{"url":"/v1/x","body":7}', /line 2: body is a number/],
    ['a request without a URL', '{"body":{}}', /line 2: url is missing, wanted a path/],
    [
      'a method other than POST',
      '{"method":"GET","url":"/v1/x","body":{}}',
      /line 2: method is not "POST"/,
    ],
    ['a repeated member name', '{"url":"/v1/x","body":{"a":1,"a":2}}', /line 2: .*"a"/],
    ['a number as custom_id', '{"custom_id":1,"url":"/","body":{}}', /custom_id is a number/],
    [
      'a request beyond the limits of a batch',
      `{"url":"/v1/embeddings","body":{"input":[${'"x",'.repeat(50_000)}"x"]}}`,
      /line 2: it has 50001 inputs, wanted at most 50000 in a batch$/,
    ],
  ];

  it.each(failing)('%s, naming the line', async (_, line, message) => {
    const place = fresh();
    const input = jsonl([openaiLine('a', 'A?'), line, openaiLine('b', 'B?')]);
    expectFailure(await plan(input, place), 4, message);
    const skipping = await plan(input, place, '--skip-invalid');
    expect(skipping.stdout).toMatch(/^2 requests to send, from 3 lines\n/);
    expect(skipping.stderr).toMatch(message.source.endsWith('$') ? /line 2/ : message);
    expect(skipping.stderr).toMatch(/1 line skipped of 3 lines\n$/);
  });

  it('an invalid line, and counts it with --skip-invalid', async () => {
    const { out, store } = fresh();
    const input = jsonl(['nonsense', openaiLine('a', 'A?'), '', '{}', openaiLine('a', 'A?')]);
    const skipping = await plan(input, { out, store }, '--skip-invalid', '--json');
    expect(skipping.code).toBe(0);
    expect(JSON.parse(skipping.stdout)).toMatchObject({
      lines: 5,
      skipped: 2,
      toSend: 1,
      duplicates: 1,
      finished: 0,
      underway: 0,
    });
    expect(skipping.stderr).toMatch(
      /: line 1: .*\n.*: line 4: .*\n.*: 2 lines skipped of 5 lines\n$/,
    );

    const results = jsonl(['[]', ...planned(out).map((line) => succeeded(line, 'of A')), '{}']);
    const record = await samekey(
      ['batch', 'record', '--store', store, '--skip-invalid', '--json'],
      { input: results },
    );
    expect(record.code).toBe(0);
    expect(JSON.parse(record.stdout)).toMatchObject({ lines: 3, skipped: 2, stored: 1 });

    const answers = await samekey(['batch', 'results', '--store', store, '--skip-invalid'], {
      input,
    });
    expect(answers.code).toBe(0);
    expect(linesIn(answers.stdout).map(({ custom_id: name }) => name)).toEqual(['a', 'a']);
    expect(answers.stderr).toMatch(/: 2 lines skipped of 5 lines\n$/);
  });

  it('an invalid first line, which does not decide the provider', async () => {
    const input = jsonl(['{"params":7}', openaiLine('a', 'A?')]);
    const skipping = await plan(input, fresh(), '--skip-invalid');
    expect(skipping.stdout).toMatch(/^1 request to send, from 2 lines\n/);
  });

  it('lines that are not results, and results of unknown requests', async () => {
    const { store } = fresh();
    await plan(jsonl([openaiLine('a', 'A?')]), { ...fresh(), store });
    const record = (input: string, ...more: string[]) =>
      samekey(['batch', 'record', '--store', store, ...more], { input });
    expect(await record('{"custom_id":"x"}\n')).toEqual({
      code: 4,
      stdout: '0 results stored, 0 to send again, 1 malformed\n',
      stderr:
        'samekey: standard input: line 1: wanted a result of a batch: "custom_id" and "result", or "response" and "error"\nsamekey: standard input: 1 line skipped of 1 line\n',
    });
    const unknown = jsonl(
      ['x', 'ik_00000000000000000000000000000000-1'].map((custom_id) =>
        succeeded({ custom_id }, 'x'),
      ),
    );
    expect(await record(unknown)).toEqual({
      code: 1,
      stdout:
        '0 results stored, 0 to send again\n2 results of requests that were never planned with this store: x, ik_00000000000000000000000000000000-1\n',
      stderr: '',
    });
  });

  it.each([
    [['plan'], 2, /^--out is missing/],
    [['plan', '--out', ''], 2, /^--out is empty/],
    [['plan', '--out', 'x', '--bits', '256'], 2, /^--bits does not apply to batches/],
    [['plan', '--out', '/dev/null/x'], 3, /^\/dev\/null\/x: cannot be written \(ENOTDIR\)$/],
    [['drop'], 2, /^missing required argument 'PLAN'/],
    [['drop', 'x', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [['status', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [['record', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [[], 2, /^wanted a command: plan, record, results, status or drop; see samekey help batch$/],
  ])('%j', async (args, code, message) => {
    expectFailure(await samekey(['batch', ...args]), code, message);
  });

  it('a folder with batch files of no plan, and leaves them there', async () => {
    const { store } = fresh();
    const file = write('mine/batch-1.jsonl', jsonl([openaiLine('a', 'A?')]));
    const out = join(file, '..');
    expectFailure(
      await samekey(['batch', 'plan', file, '--out', out, '--store', store]),
      2,
      `${file}: it already exists and belongs to no plan, wanted another --out`,
    );
    expect(readdirSync(out)).toEqual(['batch-1.jsonl']);
  });

  it('a folder with a plan.json that is not a plan', async () => {
    for (const text of ['{"name":"x"}', 'null', '[', '{"version":1,"runs":[]}']) {
      const file = write('other/plan.json', text);
      const { store } = fresh();
      expectFailure(
        await plan('', { out: join(file, '..'), store }),
        2,
        `${file}: it is not a plan, wanted another --out`,
      );
    }
  });
});
