import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { customId, identities } from '../../src/index.js';
import {
  anthropicLine,
  asked,
  errored,
  fresh,
  idIn,
  jsonl,
  type Line,
  linesIn,
  many,
  openaiLine,
  plan,
  planned,
  succeeded,
  unfinished,
  write,
} from './batch-program.js';
import { expectFailure, itOnTerminal, onTerminal, samekey } from './program.js';

describe('samekey batch', () => {
  it('plans, records, and plans failed requests again', async () => {
    const { out, store } = fresh();
    const input = jsonl([
      openaiLine('a', 'A?'),
      openaiLine('b', 'B?'),
      '',
      openaiLine('c', 'A?'),
      openaiLine(undefined, 'D?'),
    ]);
    expect(await plan(input, { out, store })).toEqual({
      code: 0,
      stdout: `3 requests to send, from 5 lines (1 repeated)\n  ${out}/batch-0001.jsonl  3 requests  519 bytes\n`,
      stderr: '',
    });
    const lines = planned(out);
    expect(lines.map(({ body }) => body)).toEqual([asked('A?'), asked('B?'), asked('D?')]);
    expect(lines.map(idIn)).toEqual(
      ['A?', 'B?', 'D?'].map((content) =>
        customId(asked(content), {
          ...identities.openai,
          scope: ['openai', '/v1/chat/completions'],
        }),
      ),
    );
    for (const { custom_id: id } of lines) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);

    const [a, b, d] = lines as [Line, Line, Line];
    const results = jsonl([succeeded(d, 'of D'), errored(b), succeeded(a, 'of A')]);
    const record = (...more: string[]) =>
      samekey(['batch', 'record', '--store', store, ...more], { input: results });
    expect(await record()).toEqual({
      code: 0,
      stdout: '2 results stored, 1 to send again\n',
      stderr: '',
    });
    expect(JSON.parse((await record('--json')).stdout)).toMatchObject({ stored: 0, repeated: 3 });

    const next = await plan(input, { out: `${out}2`, store }, '--json');
    expect(JSON.parse(next.stdout)).toMatchObject({
      toSend: 1,
      duplicates: 1,
      finished: 2,
      underway: 0,
      lines: 5,
      provider: 'openai',
    });
    expect(planned(`${out}2`).map(({ body }) => body)).toEqual([asked('B?')]);

    const file = write('requests.jsonl', input);
    const answers = await samekey(['batch', 'results', file, '--store', store]);
    expect(answers).toMatchObject({
      code: 1,
      stderr: 'samekey: 1 request of 4 without a result\n',
    });
    expect(linesIn(answers.stdout)).toEqual(
      [
        ['a', 'of A'],
        ['c', 'of A'],
        [idIn(d), 'of D'],
      ].map(([custom_id, content]) => ({
        custom_id,
        response: { status_code: 200, request_id: 'r', body: { content } },
        error: null,
      })),
    );

    const status = await samekey(['batch', 'status', '--store', store, '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({
      waiting: 1,
      succeeded: 2,
      failed: 0,
      batches: [
        { state: 'planned', waiting: 1 },
        { state: 'sent', succeeded: 2 },
      ],
    });
    expect((await samekey(['batch', 'status', '--store', store])).stdout).toMatch(
      /^1 request without a result, 2 with one\n {2}\S+ {2}planned {3}0 of 1 with a result\n/,
    );
  });

  it('writes bodies that Anthropic accepts', async () => {
    const { out, store } = fresh();
    const input = jsonl([anthropicLine('a', 'A?'), anthropicLine('b', 'B?')]);
    expect((await plan(input, { out, store })).code).toBe(0);
    const text = readFileSync(join(out, 'batch-0001.json'), 'utf8');
    const { requests } = JSON.parse(text) as { requests: Line[] };
    expect(requests.map(({ params }) => params)).toEqual([asked('A?'), asked('B?')]);
    const results = jsonl(
      requests.map(({ custom_id }) => ({
        custom_id,
        // More digits than a double has.
        result: '{"type":"succeeded","message":{"n":12345678901234567890.10}}',
      })),
    ).replaceAll(/"(\{.*\})"/g, (_, json: string) => json.replaceAll('\\"', '"'));
    const recorded = await samekey(['batch', 'record', '--store', store], { input: results });
    expect(recorded.stdout).toBe('2 results stored, 0 to send again\n');
    const answers = await samekey(['batch', 'results', '--store', store], { input });
    expect(answers.stdout.split('\n')[0]).toBe(
      '{"custom_id":"a","result":{"type":"succeeded","message":{"n":12345678901234567890.10}}}',
    );
  });

  it('reports a finished plan instead of planning again', async () => {
    const place = fresh();
    const input = jsonl([openaiLine('a', 'A?')]);
    await plan(input, place);
    const before = planned(place.out);
    const again = await plan(input, place);
    expect(again.stdout).toMatch(/^1 request to send, from 1 line, as planned before\n/);
    expect(planned(place.out)).toEqual(before);
    // A plan in another folder has nothing to send.
    const other = await plan(input, { ...place, out: `${place.out}2` });
    expect(other.stdout).toBe('0 requests to send, from 1 line (1 in other batches)\n');
  });

  it('plans again in a folder whose plan had nothing to send', async () => {
    const place = fresh();
    expect((await plan('', place)).stdout).toBe('0 requests to send, from 0 lines\n');
    const again = await plan(jsonl([openaiLine('a', 'A?')]), place);
    expect(again.stdout).toMatch(/^1 request to send, from 1 line\n/);
    expect(planned(place.out).length).toBe(1);
  });

  it('counts results that were recorded before, that are late, and that are stored errors', async () => {
    const { out, store } = fresh();
    const input = jsonl([openaiLine('a', 'A?'), openaiLine('b', 'B?')]);
    await plan(input, { out, store });
    const first = planned(out) as [Line, Line];
    const record = async (results: readonly unknown[], ...more: string[]) => {
      const args = ['batch', 'record', '--store', store, ...more];
      return (await samekey(args, { input: jsonl(results) })).stdout;
    };
    const failures = first.map(errored);
    expect(await record(failures)).toBe('0 results stored, 2 to send again\n');
    await plan(input, { out: `${out}2`, store });
    const [a, b] = planned(`${out}2`) as [Line, Line];
    expect(await record(failures)).toBe(
      '0 results stored, 0 to send again, 2 of an earlier batch\n',
    );
    expect(await record([succeeded(a, 'of A'), errored(b)], '--store-errors')).toBe(
      '2 results stored, 0 to send again\n',
    );
    expect(await record([succeeded(a, 'of A')])).toBe(
      '0 results stored, 0 to send again, 1 recorded before\n',
    );
    expect((await samekey(['batch', 'status', '--store', store])).stdout).toMatch(
      /^0 requests without a result, 1 with one, 1 with a stored error\n {2}\S+ {2}sent {6}2 of 2 with a result\n$/,
    );
  });

  it('lists the latest 20 batches in the status', async () => {
    const { out, store } = fresh();
    const lines = Array.from({ length: 22 }, (_, i) => ({
      url: '/v1/responses',
      body: { model: `m${i}`, input: 'x' },
    }));
    await plan(jsonl(lines.slice(0, 21)), { out, store });
    const status = async () => (await samekey(['batch', 'status', '--store', store])).stdout;
    expect((await status()).split('\n').length).toBe(23);
    expect(await status()).toMatch(/\n {2}and 1 earlier batch\n$/);
    await plan(jsonl(lines), { out: `${out}2`, store });
    expect(await status()).toMatch(/\n {2}and 2 earlier batches\n$/);
  });

  it('accepts input that begins with blank lines and a pause', async () => {
    const place = fresh();
    const lines = [openaiLine('a', 'A?'), openaiLine('b', 'B?')];
    const input = Readable.from(
      (async function* () {
        yield '\n\n';
        // The program reads the blank lines alone: it has started to plan long before the rest.
        while (!existsSync(join(place.out, 'plan.json'))) await sleep(10);
        await sleep(1000);
        yield jsonl(lines);
      })(),
    );
    const run = await samekey(['batch', 'plan', '--out', place.out, '--store', place.store], {
      input,
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/^2 requests to send, from 4 lines\n/);
  });

  it('writes a file for each URL and each model of OpenAI', async () => {
    const { out, store } = fresh();
    const line = (url: string, model: string) => ({ url, body: { model, input: 'x' } });
    await plan(
      jsonl([
        line('/v1/embeddings', 'e'),
        line('/v1/responses', 'm'),
        line('/v1/responses', 'n'),
        line('/v1/embeddings', 'e2'),
        { url: '/v1/responses', body: { model: 'm', input: 'y' } },
      ]),
      { out, store },
    );
    const files = readdirSync(out).filter((name) => name.startsWith('batch'));
    expect(files.length).toBe(4);
    const counts = files.map((name) => linesIn(readFileSync(join(out, name), 'utf8')).length);
    expect(counts.sort()).toEqual([1, 1, 1, 2]);
  });
});

describe('samekey batch drop', () => {
  const drop = (what: string, store: string, ...more: string[]) =>
    samekey(['batch', 'drop', what, '--store', store, ...more]);
  const input = jsonl([openaiLine('a', 'A?'), openaiLine('b', 'B?'), openaiLine('c', 'C?')]);

  it('releases the requests of a plan, and deletes its files', async () => {
    const { out, store } = fresh();
    await plan(jsonl([openaiLine('x', 'X?')]), { out: `${out}2`, store });
    await plan(input, { out, store });
    const [line] = planned(out) as [Line];
    const results = jsonl([succeeded(line, 'of A')]);
    await samekey(['batch', 'record', '--store', store], { input: results });
    expect(await drop(out, store)).toEqual({
      code: 0,
      stdout: '2 requests released\n',
      stderr: '',
    });
    expect(existsSync(out)).toBe(false);
    expectFailure(await drop(out, store), 1, `${out}: it contains no plan`);
    const again = await plan(input, { out, store }, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ toSend: 2, finished: 1, isOld: false });
    // The other plan keeps its requests.
    const other = await plan(jsonl([openaiLine('x', 'X?')]), { out: `${out}3`, store }, '--json');
    expect(JSON.parse(other.stdout)).toMatchObject({
      provider: 'openai',
      toSend: 0,
      underway: 1,
    });
  });

  it('releases a batch without its files, by its key', async () => {
    const { out, store } = fresh();
    await plan(input, { out, store });
    rmSync(out, { recursive: true });
    const status = await samekey(['batch', 'status', '--store', store, '--json']);
    const [{ key }] = JSON.parse(status.stdout).batches;
    const dropped = await drop(key, store, '--json');
    expect(JSON.parse(dropped.stdout)).toEqual({ plan: key, dropped: 3 });
    expect((await plan(input, { out, store })).stdout).toMatch(
      /^3 requests to send, from 3 lines\n/,
    );
    expectFailure(await drop(key, store), 2, /was never begun/);
  });

  it('refuses a plan that is in another store', async () => {
    const { out, store } = fresh();
    const { store: other } = fresh();
    await plan(input, { out, store });
    await plan(input, { out: `${out}2`, store: other });
    expectFailure(
      await drop(out, other),
      1,
      `${out}: its batches are not in this store, wanted the --store that it was planned with`,
    );
    expect(planned(out).length).toBe(3);
  });

  it('releases the requests of a plan that was killed', async () => {
    const place = fresh();
    const { child, closed } = await unfinished(jsonl(many.slice(0, 1200)), place);
    expectFailure(await drop(place.out, place.store), 1, /: process \d+ is planning there/);
    child.kill('SIGKILL');
    await closed;
    const dropped = await drop(place.out, place.store, '--json');
    const other = await plan(jsonl(many.slice(0, 1200)), { ...place, out: `${place.out}2` });
    expect(other.stdout).toMatch(/^1,200 requests to send, from 1,200 lines\n/);
    expect(JSON.parse(dropped.stdout).dropped).toBeGreaterThan(0);
  });
});

describe('a long input', () => {
  const long = Array.from({ length: 6000 }, (_, i) =>
    openaiLine(`r${i}`, `${i} ${'x'.repeat(10_000)}`),
  );

  it('needs no more memory than a short one', async () => {
    const place = fresh();
    const file = write('long.jsonl', jsonl(long));
    expect(statSync(file).size).toBeGreaterThan(60e6);
    const run = await samekey(['batch', 'plan', file, '--out', place.out, '--store', place.store], {
      nodeOptions: ['--max-old-space-size=56'],
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(planned(place.out).length).toBe(6000);
  });

  itOnTerminal('shows its progress', async () => {
    const place = fresh();
    const file = write('shown.jsonl', jsonl(long));
    const { stdout } = await onTerminal([
      'batch',
      'plan',
      file,
      '--out',
      place.out,
      '--store',
      place.store,
    ]);
    expect(stdout).toMatch(/=+-* +\d+% {2}[\d.]+ MB of [\d.]+ MB {2}/);
    expect(stdout).toMatch(/6,000 requests to send, from 6,000 lines/);
  });
});
