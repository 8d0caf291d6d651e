import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { priceTable } from '../../src/cost/prices.js';
import { type FollowedLog, followLog } from '../../src/dashboard/log-file.js';
import { CallTally } from '../../src/dashboard/tally.js';

let folder: string;
let path: string;
let tally: CallTally;
let log: FollowedLog | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-log-'));
  path = join(folder, 'proxy.log');
  tally = new CallTally();
  log = undefined;
});
afterEach(async () => {
  await log?.close();
  rmSync(folder, { recursive: true, force: true });
});

let lineCount = 0;
/** A line of the proxy. Each has another time. */
const line = (members: object = {}) =>
  `${JSON.stringify({
    level: 'info',
    time: new Date(1_700_000_000_000 + ++lineCount).toISOString(),
    status: 200,
    outcome: 'executed',
    key: 'k',
    durationMs: 5,
    msg: 'request',
    ...members,
  })}\n`;

const executed = () => tally.totals().executed;

describe('a followed log', () => {
  it('counts the lines it has, and those it gets', async () => {
    writeFileSync(path, line() + line({ outcome: 'replayed' }));
    log = await followLog(path, tally);
    await log.caughtUp;
    expect(tally.totals()).toMatchObject({ executed: 1, replayed: 1 });
    appendFileSync(path, line() + line().slice(0, 40));
    await expect.poll(executed).toBe(2);
    // The rest of the half line is not known here: the line below ends it, and is lost with it.
    appendFileSync(path, `\n${line()}`);
    await expect.poll(executed).toBe(3);
  });

  it('reads a line that is written in pieces, with a character that is cut', async () => {
    writeFileSync(path, '');
    log = await followLog(path, tally);
    const bytes = Buffer.from(line({ key: 'schlüssel' }));
    const middle = bytes.indexOf(0xc3) + 1;
    appendFileSync(path, bytes.subarray(0, middle));
    await log.caughtUp;
    appendFileSync(path, bytes.subarray(middle));
    await expect.poll(() => tally.slowest()).toMatchObject([{ key: 'schlüssel', calls: 1 }]);
  });

  it.each(['moved away and made anew', 'copied and emptied', 'emptied and longer at once'])(
    'that is %s is followed on, and no line is counted twice',
    async (how) => {
      writeFileSync(path, line() + line());
      log = await followLog(path, tally);
      await expect.poll(executed).toBe(2);
      if (how.startsWith('moved')) {
        renameSync(path, `${path}.1`);
        // Its writer has the old file open for a while.
        appendFileSync(`${path}.1`, line());
        await expect.poll(executed).toBe(3);
        writeFileSync(path, line());
      } else {
        copyFileSync(path, `${path}.1`);
        truncateSync(path);
        appendFileSync(path, line());
        if (how.startsWith('emptied')) appendFileSync(path, line().repeat(9) + line());
        await expect.poll(executed).toBe(how.startsWith('emptied') ? 13 : 3);
        appendFileSync(path, line());
      }
      await expect.poll(executed).toBe(how.startsWith('emptied') ? 14 : 4);
    },
  );

  it('leaves out what is no line of the proxy', async () => {
    const foreign = [
      'text\n',
      '\n',
      '{\n',
      '[]\n',
      'null\n',
      '{"msg":"request"}\n',
      '{"msg":"request","outcome":"executed","status":200,"time":"never"}\n',
      `${'x'.repeat(200_000)}\n`,
      line({ path: '/'.repeat(100_000) }),
      line({ msg: 'listening' }),
      Buffer.from([0xff, 0x00, 0x0a]),
    ];
    writeFileSync(path, Buffer.concat(foreign.map((each) => Buffer.from(each))));
    appendFileSync(path, line({ __proto__: null, key: 7, durationMs: 'x' }));
    log = await followLog(path, tally);
    await log.caughtUp;
    expect(tally.totals()).toMatchObject({ executed: 1, failed: 0 });
    expect(tally.slowest()).toEqual([]);
  });

  it('adds up what duplicates saved, by its own cost or by prices', async () => {
    const saved = { msg: 'saved', model: 'm1', inputTokens: 1_000_000, outputTokens: 0 };
    writeFileSync(path, line({ ...saved, cost: 1, currency: 'USD' }) + line(saved));
    const prices = priceTable({
      currency: 'EUR',
      prices: { 'm*': { inputPerMillion: 2, outputPerMillion: 8 } },
    });
    log = await followLog(path, tally, prices);
    await log.caughtUp;
    expect(tally.savings()).toMatchObject({
      inputTokens: 2_000_000,
      costs: [
        { currency: 'USD', cost: 1 },
        { currency: 'EUR', cost: 2 },
      ],
    });
  });

  it('names repeated keys with a temperature', async () => {
    const msg = 'many equal requests got one response, although different ones may be meant';
    const warm = { key: 'warm', count: 10, temperature: 0.7 };
    writeFileSync(path, line({ msg, ...warm }) + line({ key: 'warm', outcome: 'replayed' }));
    log = await followLog(path, tally);
    await log.caughtUp;
    expect(tally.repeatedWarm()).toEqual([{ key: 'warm', calls: 11, temperature: 0.7 }]);
  });

  it.each([
    ['missing', { code: 'ENOENT' }],
    ['', { message: 'it is not a file' }],
  ])('refuses "%s", which is no file', async (name, error) => {
    await expect(followLog(join(folder, name), tally)).rejects.toMatchObject(error);
  });
});
