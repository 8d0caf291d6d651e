import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itemKey } from '../../src/batch/item.js';
import { customId, identities } from '../../src/index.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { expectFailure, folder, itOnTerminal, onTerminal, PROGRAM, samekey } from './program.js';

const { path: root, write } = folder();
let count = 0;
/** A store and a folder that nobody has used. */
const fresh = () => {
  const name = join(root, `t${++count}`);
  return { out: `${name}-plan`, store: `lmdb:${name}-store` };
};

interface Line {
  custom_id: string;
  [member: string]: unknown;
}

const asked = (content: string) => ({ model: 'm', messages: [{ role: 'user', content }] });
const openaiLine = (name: string | undefined, content: string) =>
  JSON.stringify({
    ...(name !== undefined && { custom_id: name }),
    method: 'POST',
    url: '/v1/chat/completions',
    body: asked(content),
  });
const anthropicLine = (name: string, content: string) =>
  JSON.stringify({ custom_id: name, params: asked(content) });
const jsonl = (lines: readonly unknown[]) =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');
const linesIn = (text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const plan = (
  input: string,
  { out, store }: { out: string; store: string },
  ...more: readonly string[]
) => samekey(['batch', 'plan', '--out', out, '--store', store, ...more], { input });
const planned = (out: string): Line[] =>
  readdirSync(out)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => linesIn(readFileSync(join(out, name), 'utf8')));
const idIn = ({ custom_id: id }: Line) => id.slice(0, 35);

const succeeded = ({ custom_id }: Line, content: string) => ({
  id: 'batch_req_1',
  custom_id,
  response: { status_code: 200, request_id: 'r', body: { content } },
  error: null,
});
const errored = ({ custom_id }: Line) => ({
  id: 'batch_req_1',
  custom_id,
  response: { status_code: 500, request_id: 'r', body: { error: { message: 'no' } } },
  error: null,
});

describe('samekey batch', () => {
  it('plans, records, and plans what failed again', async () => {
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
      stdout: `3 requests to be sent of 5 lines (1 asked for twice)\n  ${out}/batch-0001.jsonl  3 requests  519 B\n`,
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
      stdout: '2 results kept, 1 to be sent again\n',
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
        { state: 'created', waiting: 1 },
        { state: 'created', succeeded: 2 },
      ],
    });
    expect((await samekey(['batch', 'status', '--store', store])).stdout).toMatch(
      /^1 request without a result, 2 with one\n {2}\S+ {2}created {3}0 of 1 with a result\n/,
    );
  });

  it('writes bodies that Anthropic takes', async () => {
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
    expect(recorded.stdout).toBe('2 results kept, 0 to be sent again\n');
    const answers = await samekey(['batch', 'results', '--store', store], { input });
    expect(answers.stdout.split('\n')[0]).toBe(
      '{"custom_id":"a","result":{"type":"succeeded","message":{"n":12345678901234567890.10}}}',
    );
  });

  it('takes a finished plan for what it is', async () => {
    const place = fresh();
    const input = jsonl([openaiLine('a', 'A?')]);
    await plan(input, place);
    const before = planned(place.out);
    const again = await plan(jsonl([openaiLine('b', 'B?')]), place);
    expect(again.stdout).toMatch(/^1 request to be sent of 1 line, as planned before\n/);
    expect(planned(place.out)).toEqual(before);
    // Elsewhere there is nothing left of it.
    const other = await plan(input, { ...place, out: `${place.out}2` });
    expect(other.stdout).toBe('0 requests to be sent of 1 line (1 in other batches)\n');
  });

  it('plans again where there was nothing to be sent', async () => {
    const place = fresh();
    expect((await plan('', place)).stdout).toBe('0 requests to be sent of 0 lines\n');
    const again = await plan(jsonl([openaiLine('a', 'A?')]), place);
    expect(again.stdout).toMatch(/^1 request to be sent of 1 line\n/);
    expect(planned(place.out).length).toBe(1);
  });

  it('gives each URL and each model a file of its own, as OpenAI wants them', async () => {
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

  it('gives back what a plan has that was never sent, and removes its files', async () => {
    const { out, store } = fresh();
    await plan(jsonl([openaiLine('x', 'X?')]), { out: `${out}2`, store });
    await plan(input, { out, store });
    const [line] = planned(out) as [Line];
    const results = jsonl([succeeded(line, 'of A')]);
    await samekey(['batch', 'record', '--store', store], { input: results });
    expect(await drop(out, store)).toEqual({
      code: 0,
      stdout: '2 requests given back\n',
      stderr: '',
    });
    expect(existsSync(out)).toBe(false);
    expectFailure(await drop(out, store), 1, `${out}: there is no plan in it`);
    const again = await plan(input, { out, store }, '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ toSend: 2, finished: 1, isOld: false });
    // The other plan is as it was.
    const other = await plan(jsonl([openaiLine('x', 'X?')]), { out: `${out}3`, store }, '--json');
    expect(JSON.parse(other.stdout)).toMatchObject({
      provider: 'openai',
      toSend: 0,
      underway: 1,
    });
  });

  it('gives back a batch whose files are gone, by its key', async () => {
    const { out, store } = fresh();
    await plan(input, { out, store });
    rmSync(out, { recursive: true });
    const status = await samekey(['batch', 'status', '--store', store, '--json']);
    const [{ key }] = JSON.parse(status.stdout).batches;
    const dropped = await drop(key, store, '--json');
    expect(JSON.parse(dropped.stdout)).toEqual({ plan: key, dropped: 3 });
    expect((await plan(input, { out, store })).stdout).toMatch(
      /^3 requests to be sent of 3 lines\n/,
    );
    expectFailure(await drop(key, store), 2, /is none that was begun/);
  });

  it('leaves a plan alone that is in another store', async () => {
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

  it('gives back what a plan had that was killed', async () => {
    const place = fresh();
    const { child, closed } = await unfinished(jsonl(many.slice(0, 1200)), place);
    expectFailure(await drop(place.out, place.store), 1, /: process \d+ is planning there/);
    child.kill('SIGKILL');
    await closed;
    const dropped = await drop(place.out, place.store, '--json');
    const other = await plan(jsonl(many.slice(0, 1200)), { ...place, out: `${place.out}2` });
    expect(other.stdout).toMatch(/^1,200 requests to be sent of 1,200 lines\n/);
    expect(JSON.parse(dropped.stdout).dropped).toBeGreaterThan(0);
  });
});

/** A run whose input does not end. */
async function unfinished(
  input: string,
  { out, store }: { out: string; store: string },
  ...nodeOptions: readonly string[]
) {
  const child = spawn(
    process.execPath,
    [...nodeOptions, PROGRAM, 'batch', 'plan', '--out', out, '--store', store],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  child.stdin.on('error', () => {});
  child.stdin.write(input);
  const closed = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('close', (_, signal) => resolve(signal)),
  );
  const part = join(out, 'batch-0001.jsonl.part');
  while (!existsSync(part) || statSync(part).size === 0) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return { child, closed, part };
}

const MANY = 5000;
/** The second half once more, so that there are duplicates across windows. */
const many = Array.from({ length: MANY }, (_, i) =>
  openaiLine(`r${i}`, `Question ${i % ((MANY * 4) / 5)}?`),
);

describe('a plan that is broken off', () => {
  it('goes on after kill -9: every request is there once, in files that are complete', async () => {
    const place = fresh();
    for (const lineCount of [1200, 4100]) {
      const { child, closed } = await unfinished(jsonl(many.slice(0, lineCount)), place);
      child.kill('SIGKILL');
      expect(await closed).toBe('SIGKILL');
      expect(JSON.parse(readFileSync(join(place.out, 'plan.json'), 'utf8')).state).toBe('planning');
    }
    // Nobody else has what it had begun with.
    const other = await plan(jsonl(many.slice(0, 1000)), { ...place, out: `${place.out}2` });
    expect(other.stdout).toBe('0 requests to be sent of 1,000 lines (1000 in other batches)\n');

    const run = await plan(jsonl(many), place);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(
      /^4,000 requests to be sent of 5,000 lines \(1000 asked for twice\)/,
    );
    const lines = planned(place.out);
    expect(new Set(lines.map(({ body }) => JSON.stringify(body))).size).toBe((MANY * 4) / 5);
    expect(new Set(lines.map(idIn)).size).toBe(lines.length);
    expect(lines.length).toBe((MANY * 4) / 5);
    expect(readdirSync(place.out).sort()).toEqual(['batch-0001.jsonl', 'plan.json']);

    // The claims are those that the files tell of.
    const store = lmdbStore({ path: place.store.slice('lmdb:'.length) });
    for (const line of [lines[0], lines[1234], lines.at(-1)] as Line[]) {
      const { record } = await store.read(itemKey(idIn(line)));
      expect(line.custom_id).toBe(`${idIn(line)}-${record?.fencingToken.toString(36)}`);
    }
    await store.close();
  });

  it('leaves complete lines when it is interrupted, and ends by the signal', async () => {
    const place = fresh();
    const { child, closed, part } = await unfinished(jsonl(many.slice(0, 3000)), place);
    child.kill('SIGINT');
    expect(await closed).toBe('SIGINT');
    const text = readFileSync(part, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    expect(linesIn(text).length).toBeGreaterThan(0);
    expect((await plan(jsonl(many), place)).code).toBe(0);
    expect(planned(place.out).length).toBe((MANY * 4) / 5);
  });

  it('is not gone on with while it is still running', async () => {
    const place = fresh();
    const { child, closed } = await unfinished(jsonl(many.slice(0, 1200)), place);
    expectFailure(
      await plan(jsonl(many), place),
      1,
      `${place.out}: process ${child.pid} is planning there, wanted another --out`,
    );
    child.kill('SIGKILL');
    await closed;
  });

  it('is not finished when others may have had its requests meanwhile', async () => {
    const place = fresh();
    const passed = join(root, 'half-a-day');
    // Half a day passes by all clocks: LMDB goes by one that nobody can set.
    const clock = `import fs from 'node:fs';
      const [now, hrtime] = [Date.now, process.hrtime.bigint];
      const passedMs = () => (fs.existsSync('${passed}') ? 12 * 36e5 : 0);
      Date.now = () => now() + passedMs();
      process.hrtime.bigint = () => hrtime() + BigInt(passedMs()) * 1_000_000n;`;
    const preload = `--import=data:text/javascript,${encodeURIComponent(clock)}`;
    const input = jsonl(many.slice(0, 1200));
    const { child, closed } = await unfinished(input, place, preload);
    write('half-a-day', '');
    const other = { ...place, out: `${place.out}2` };
    const run = await samekey(
      ['batch', 'plan', '--out', other.out, '--store', other.store, '--json'],
      { input, nodeOptions: [preload] },
    );
    expect(JSON.parse(run.stdout).toSend).toBeGreaterThan(0);
    child.stdin.end();
    const stderr: Buffer[] = [];
    child.stderr.on('data', (piece) => stderr.push(piece));
    await closed;
    expect(child.exitCode).toBe(1);
    expect(Buffer.concat(stderr).toString()).toMatch(/: the plan took longer than 12 hours, /);
    expect(planned(place.out)).toEqual([]);
    // Between them they have all of it, each once.
    expect((await plan(input, place)).code).toBe(0);
    const all = [...planned(place.out), ...planned(other.out)];
    expect(new Set(all.map(idIn)).size).toBe(1200);
    expect(all.length).toBe(1200);
  });

  it('is gone on with by one of those who come at the same time', async () => {
    const { out, store } = fresh();
    // As it is when another one has just begun.
    const turn = (name: string, pid: number | string | undefined) =>
      write(`${basename(out)}/${name}`, `${pid}`);
    turn('turn-1', spawnSync('true').pid);
    turn('turn-2', process.pid);
    expectFailure(
      await plan(jsonl(many), { out, store }),
      1,
      `${out}: process ${process.pid} is planning there, wanted another --out`,
    );
    // Of a process that had the same number before the machine was started again.
    turn('turn-2', `${process.pid} 0`);
    expect((await plan(jsonl(many), { out, store })).code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['batch-0001.jsonl', 'plan.json']);
  });

  it('is not made again when its files are complete and only lack their names', async () => {
    const place = fresh();
    const input = jsonl(many.slice(0, 10));
    await plan(input, place);
    const file = join(place.out, 'batch-0001.jsonl');
    const text = readFileSync(file, 'utf8');
    renameSync(file, `${file}.part`);
    const again = await plan(input, place);
    expect(again.stdout).toMatch(/^10 requests to be sent of 10 lines, as planned before\n/);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('may find other input when it goes on', async () => {
    const place = fresh();
    const { child, closed } = await unfinished(jsonl(many.slice(0, 2000)), place);
    child.kill('SIGKILL');
    await closed;
    await plan(jsonl(many.slice(500, 900).reverse()), place);
    expect(new Set(planned(place.out).map(idIn)).size).toBe(400);
  });
});

describe('what samekey batch refuses', () => {
  const failing: [string, string, RegExp][] = [
    ['no JSON', 'nonsense', /line 2: it is not JSON, wanted an object$/],
    ['no object', '[1]', /line 2: wanted a JSON object$/],
    ['no request', '{}', /line 2: wanted a member "params" \(Anthropic\) or "body" \(OpenAI\)$/],
    ['another provider', '{"params":{}}', /line 2: it is a request to anthropic, wanted openai/],
    ['a body that is none', '{"url":"/v1/x","body":7}', /line 2: body is a number/],
    ['no URL', '{"body":{}}', /line 2: url is missing, wanted a path/],
    ['a method', '{"method":"GET","url":"/v1/x","body":{}}', /line 2: method is not "POST"/],
    ['a name twice', '{"url":"/v1/x","body":{"a":1,"a":2}}', /line 2: .*"a"/],
    ['a number as custom_id', '{"custom_id":1,"url":"/","body":{}}', /custom_id is a number/],
    [
      'more than a batch takes',
      `{"url":"/v1/embeddings","body":{"input":[${'"x",'.repeat(50_000)}"x"]}}`,
      /line 2: it has 50001 inputs, wanted at most 50000 in a batch$/,
    ],
  ];

  it.each(failing)('%s in a line, by its number', async (_, line, message) => {
    const place = fresh();
    const input = jsonl([openaiLine('a', 'A?'), line, openaiLine('b', 'B?')]);
    expectFailure(await plan(input, place), 4, message);
    const skipping = await plan(input, place, '--skip-invalid');
    expect(skipping.stdout).toMatch(/^2 requests to be sent of 3 lines\n/);
    expect(skipping.stderr).toMatch(message.source.endsWith('$') ? /line 2/ : message);
    expect(skipping.stderr).toMatch(/1 line skipped of 3 lines\n$/);
  });

  it('a line by which the others are not judged', async () => {
    const input = jsonl(['{"params":7}', openaiLine('a', 'A?')]);
    const skipping = await plan(input, fresh(), '--skip-invalid');
    expect(skipping.stdout).toMatch(/^1 request to be sent of 2 lines\n/);
  });

  it('results that are none, and results of nothing it knows', async () => {
    const { store } = fresh();
    await plan(jsonl([openaiLine('a', 'A?')]), { ...fresh(), store });
    const record = (input: string, ...more: string[]) =>
      samekey(['batch', 'record', '--store', store, ...more], { input });
    expectFailure(
      await record('{"custom_id":"x"}\n'),
      4,
      'standard input: line 1: wanted a result of a batch: "custom_id" and "result", or "response" and "error"',
    );
    const unknown = jsonl(
      ['x', 'ik_00000000000000000000000000000000-1'].map((custom_id) =>
        succeeded({ custom_id }, 'x'),
      ),
    );
    expect(await record(unknown)).toEqual({
      code: 1,
      stdout:
        '0 results kept, 0 to be sent again\n2 results of nothing that was planned here: x, ik_00000000000000000000000000000000-1\n',
      stderr: '',
    });
  });

  it.each([
    [['plan'], 2, /^--out is missing/],
    [['plan', '--out', ''], 2, /^--out is empty/],
    [['plan', '--out', 'x', '--bits', '256'], 2, /^--bits is not for batches/],
    [['plan', '--out', '/dev/null/x'], 3, /^\/dev\/null\/x: cannot be written \(ENOTDIR\)$/],
    [['drop'], 2, /^missing required argument 'PLAN'/],
    [['drop', 'x', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [['status', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [['record', '--store', 'lmdb:/nowhere'], 3, /^lmdb:\/nowhere: cannot be read/],
    [[], 2, /^wanted a command: plan, record, results, status or drop; see samekey help batch$/],
  ])('%j', async (args, code, message) => {
    expectFailure(await samekey(['batch', ...args]), code, message);
  });

  it('a folder with batches of somebody else, and leaves them there', async () => {
    const { store } = fresh();
    const file = write('mine/batch-1.jsonl', jsonl([openaiLine('a', 'A?')]));
    const out = join(file, '..');
    expectFailure(
      await samekey(['batch', 'plan', file, '--out', out, '--store', store]),
      2,
      `${file}: it is there already, and of no plan; wanted another --out`,
    );
    expect(readdirSync(out)).toEqual(['batch-1.jsonl']);
  });

  it('a folder with another plan.json', async () => {
    const file = write('other/plan.json', '{"name":"x"}');
    const { store } = fresh();
    expectFailure(
      await plan('', { out: join(file, '..'), store }),
      2,
      `${file}: it is not a plan, wanted another --out`,
    );
  });
});

describe('a long input', () => {
  const long = Array.from({ length: 6000 }, (_, i) =>
    openaiLine(`r${i}`, `${i} ${'x'.repeat(10_000)}`),
  );

  it('takes no more memory than a short one', async () => {
    const place = fresh();
    const file = write('long.jsonl', jsonl(long));
    expect(statSync(file).size).toBeGreaterThan(60e6);
    const run = await samekey(['batch', 'plan', file, '--out', place.out, '--store', place.store], {
      nodeOptions: ['--max-old-space-size=56'],
    });
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(planned(place.out).length).toBe(6000);
  });

  itOnTerminal('shows how far it is', async () => {
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
    expect(stdout).toMatch(/6,000 requests to be sent of 6,000 lines/);
  });
});
