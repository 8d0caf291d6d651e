import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { itemKey } from '../../src/batch/item.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import {
  fresh,
  idIn,
  jsonl,
  type Line,
  linesIn,
  MANY,
  many,
  plan,
  planned,
  root,
  unfinished,
  write,
} from './batch-program.js';
import { expectFailure, samekey } from './program.js';

describe('an interrupted plan', () => {
  it('resumes after kill -9: the complete files contain every request once', async () => {
    const place = fresh();
    for (const lineCount of [1200, 4100]) {
      const { child, closed } = await unfinished(jsonl(many.slice(0, lineCount)), place);
      child.kill('SIGKILL');
      expect(await closed).toBe('SIGKILL');
      expect(JSON.parse(readFileSync(join(place.out, 'plan.json'), 'utf8')).state).toBe('planning');
    }
    // No other plan gets the requests that it has claimed.
    const other = await plan(jsonl(many.slice(0, 1000)), { ...place, out: `${place.out}2` });
    expect(other.stdout).toBe('0 requests to send, from 1,000 lines (1000 in other batches)\n');

    const run = await plan(jsonl(many), place);
    expect(run).toMatchObject({ code: 0, stderr: '' });
    expect(run.stdout).toMatch(/^4,000 requests to send, from 5,000 lines \(1000 repeated\)/);
    const lines = planned(place.out);
    expect(new Set(lines.map(({ body }) => JSON.stringify(body))).size).toBe((MANY * 4) / 5);
    expect(new Set(lines.map(idIn)).size).toBe(lines.length);
    expect(lines.length).toBe((MANY * 4) / 5);
    expect(readdirSync(place.out).sort()).toEqual(['batch-0001.jsonl', 'plan.json']);

    // The custom_ids in the files are those of the claims in the store.
    const store = lmdbStore({ path: place.store.slice('lmdb:'.length) });
    for (const line of [lines[0], lines[1234], lines.at(-1)] as Line[]) {
      const { record } = await store.read(itemKey(idIn(line)));
      expect(line.custom_id).toBe(`${idIn(line)}-${record?.fencingToken.toString(36)}`);
    }
    await store.close();
  });

  it('leaves complete lines after Ctrl-C, and ends by the signal', async () => {
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

  it('cannot be resumed while it is running', async () => {
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

  it('is not finished after 12 hours, when other plans may have its requests', async () => {
    const place = fresh();
    const passed = join(root, 'half-a-day');
    // Half a day passes on all clocks: LMDB uses a monotonic one.
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
    // The two plans together contain each request once.
    expect((await plan(input, place)).code).toBe(0);
    const all = [...planned(place.out), ...planned(other.out)];
    expect(new Set(all.map(idIn)).size).toBe(1200);
    expect(all.length).toBe(1200);
  });

  it('is resumed by one of several processes', async () => {
    const { out, store } = fresh();
    // The locks of a process that has ended, and of one that runs.
    const writeLock = (name: string, pid: number | string | undefined) =>
      write(`${basename(out)}/${name}`, `${pid}`);
    writeLock('turn-1', spawnSync('true').pid);
    writeLock('turn-2', process.pid);
    expectFailure(
      await plan(jsonl(many), { out, store }),
      1,
      `${out}: process ${process.pid} is planning there, wanted another --out`,
    );
    // The lock of a process that had the same id before a reboot.
    writeLock('turn-2', `${process.pid} 0`);
    expect((await plan(jsonl(many), { out, store })).code).toBe(0);
    expect(readdirSync(out).sort()).toEqual(['batch-0001.jsonl', 'plan.json']);
  });

  it('is not planned again when only the renaming of its files is missing', async () => {
    const place = fresh();
    const input = jsonl(many.slice(0, 10));
    await plan(input, place);
    const file = join(place.out, 'batch-0001.jsonl');
    const text = readFileSync(file, 'utf8');
    renameSync(file, `${file}.part`);
    const again = await plan(input, place);
    expect(again.stdout).toMatch(/^10 requests to send, from 10 lines, as planned before\n/);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('can be resumed with other input', async () => {
    const place = fresh();
    const { child, closed } = await unfinished(jsonl(many.slice(0, 2000)), place);
    child.kill('SIGKILL');
    await closed;
    await plan(jsonl(many.slice(500, 900).reverse()), place);
    expect(new Set(planned(place.out).map(idIn)).size).toBe(400);
  });
});
