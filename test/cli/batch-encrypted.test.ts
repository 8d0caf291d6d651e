import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  errored,
  fresh,
  jsonl,
  linesIn,
  openaiLine,
  plan,
  planned,
  succeeded,
} from './batch-program.js';
import { expectFailure, samekey } from './program.js';

const keyOf = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString('base64')}`;
const OLD = keyOf('old', 1);
const NEW = keyOf('new', 2);
const names = ['anna', 'ben'];
const requests = jsonl(names.map((name) => openaiLine(name, `${name}?`)));

/** A plan of two requests, and the commands that record and print its results. */
async function begin() {
  const { out, store } = fresh();
  await plan(requests, { out, store });
  const lines = planned(out);
  const file = `${out}-results.jsonl`;
  writeFileSync(file, jsonl(lines.map((line, i) => succeeded(line, `secret of ${names[i]}`))));
  const run = (command: string, keys: string | undefined, ...more: readonly string[]) =>
    samekey(
      [
        'batch',
        command,
        ...(command === 'record' ? [file] : []),
        ...['--store', store, ...(keys === undefined ? [] : ['--encrypt-env', 'KEYS']), ...more],
      ],
      { input: requests, env: { KEYS: keys ?? '' } },
    );
  return { store, out, file, lines, run };
}

const answersIn = (stdout: string) =>
  linesIn(stdout).map(({ response }) => (response as { body: { content: string } }).body.content);
const RIGHT = names.map((name) => `secret of ${name}`);

it('samekey batch record and results encrypt what they store, and change the key', async () => {
  const { store, out, run } = await begin();
  const recorded = await run('record', OLD, '--json');
  expect(JSON.parse(recorded.stdout)).toMatchObject({ stored: 2 });
  const folder = store.replace('lmdb:', '');
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name), 'latin1')).not.toMatch(/secret of/);
  }
  expect(answersIn((await run('results', OLD)).stdout)).toEqual(RIGHT);
  const path = `${out}-keys`;
  writeFileSync(path, `${NEW}\n${OLD}\n`);
  const rotated = await run('results', undefined, '--encrypt-file', path);
  expect([rotated.code, answersIn(rotated.stdout)]).toEqual([0, RIGHT]);
  const status = await samekey(['batch', 'status', '--store', store, '--json']);
  expect(JSON.parse(status.stdout)).toMatchObject({ waiting: 0, succeeded: 2 });
});

it('samekey batch results names a result whose key is lost, and record replaces it', async () => {
  const { run, file, lines } = await begin();
  await run('record', OLD);
  const lost = await run('results', NEW);
  expect([lost.code, lost.stdout]).toEqual([3, '']);
  expect(lost.stderr).toMatch(
    /^samekey: 2 results of 2 cannot be read: Cannot read the stored result of batch:ik_[0-9a-f]{32}: it is encrypted with the key "old", and the keys are "new", wanted that key\n$/,
  );
  const plain = await run('results', undefined);
  expect([plain.code, plain.stdout]).toEqual([3, '']);
  expect(plain.stderr).toContain('it is encrypted with the key "old", wanted');
  // A failure has nothing to replace it with.
  const right = readFileSync(file, 'utf8');
  writeFileSync(file, jsonl(lines.map(errored)));
  expect(JSON.parse((await run('record', NEW, '--json')).stdout)).toMatchObject({ repeated: 2 });
  writeFileSync(file, right);
  expect(JSON.parse((await run('record', NEW, '--json')).stdout)).toMatchObject({ stored: 2 });
  expect(answersIn((await run('results', NEW)).stdout)).toEqual(RIGHT);
});

it('samekey batch plan and status tell results whose key is lost, and send them again if asked', async () => {
  const { store, out, run } = await begin();
  await run('record', OLD);
  let count = 0;
  const planWith = (keys: string | undefined, ...more: readonly string[]) =>
    run('plan', keys, '--out', `${out}-${++count}`, ...more);
  const jsonOf = async (keys: string | undefined, ...more: readonly string[]) =>
    JSON.parse((await planWith(keys, '--json', ...more)).stdout);
  expect(await jsonOf(undefined)).toMatchObject({ finished: 2, unchecked: 2, unreadable: 0 });
  expect((await planWith(undefined)).stdout).toBe(
    '0 requests to send, from 2 lines (2 with a result, 2 of them encrypted and not checked)\n',
  );
  expect(await jsonOf(OLD)).toMatchObject({ finished: 2, unchecked: 0, unreadable: 0 });
  const held = await jsonOf(NEW);
  expect(held).toMatchObject({ toSend: 0, finished: 0, unchecked: 0, unreadable: 2 });
  expect((await planWith(NEW)).stdout).toBe(
    '0 requests to send, from 2 lines (2 with a result that cannot be read)\n',
  );
  const status = (keys: string | undefined, ...more: readonly string[]) => {
    const flags = keys === undefined ? [] : ['--encrypt-env', 'KEYS'];
    const args = ['batch', 'status', '--store', store, ...flags, ...more];
    return samekey(args, { env: { KEYS: keys ?? '' } });
  };
  const totals = async (keys: string | undefined) =>
    JSON.parse((await status(keys, '--json')).stdout);
  expect(await totals(undefined)).toMatchObject({
    ...{ succeeded: 2, unreadable: 0, unchecked: 2 },
    batches: [{ state: 'sent', succeeded: 2, unreadable: 0, unchecked: 2 }],
  });
  expect(await totals(OLD)).toMatchObject({ succeeded: 2, unreadable: 0, unchecked: 0 });
  expect(await totals(NEW)).toMatchObject({
    ...{ succeeded: 0, unreadable: 2, unchecked: 0 },
    batches: [{ state: 'sent', succeeded: 0, unreadable: 2, unchecked: 0 }],
  });
  expect((await status(undefined)).stdout).toMatch(
    /^0 requests without a result, 2 with one, 2 of them encrypted and not checked\n/,
  );
  expect((await status(NEW)).stdout).toMatch(
    /^0 requests without a result, 0 with one, 2 with a result that cannot be read\n.*2 of 2 with a result/,
  );
  const retried = await jsonOf(NEW, '--on-unreadable', 'retry');
  expect(retried).toMatchObject({ toSend: 2, unreadable: 0 });
  // A plan that is dropped leaves the results as they were.
  expect((await samekey(['batch', 'drop', retried.plan, '--store', store])).stdout).toBe(
    '2 requests released\n',
  );
  expect(await jsonOf(NEW)).toMatchObject({ toSend: 0, unreadable: 2 });
});

it('samekey batch begins with results that are not encrypted', async () => {
  const { run } = await begin();
  await run('record', undefined);
  expect((await run('results', OLD)).code).toBe(3);
  const read = await run('results', OLD, '--encrypt-plain', 'read');
  expect([read.code, answersIn(read.stdout)]).toEqual([0, RIGHT]);
});

it.each(['record', 'results'])('samekey batch %s refuses keys that are none', async (command) => {
  const { run } = await begin();
  expectFailure(
    await run(command, 'old:AAAA'),
    2,
    '--encrypt-env KEYS: key 1 has 3 bytes, wanted 32 bytes in base64, as openssl rand -base64 32 prints them',
  );
});
