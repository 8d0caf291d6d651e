import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { told } from './shop.js';

const PROGRAM = fileURLToPath(new URL('stdio-server.mjs', import.meta.url));

let folder: string;
const clients: { client: Client; pid: number }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-mcp-'));
});
afterEach(async () => {
  // A process with a run in progress would make `close` wait for seconds.
  finish();
  await Promise.all(clients.splice(0).map(({ client }) => client.close()));
  rmSync(folder, { recursive: true, force: true });
});

const finish = () => writeFileSync(join(folder, 'finish'), '');
const runs = () =>
  readFileSync(join(folder, 'runs'), { encoding: 'utf8', flag: 'a+' })
    .split('\n')
    .filter((line) => line !== '');

/** Starts a server of its own for a new client, as a host does. */
async function open(isOnce: boolean, options: object = {}) {
  const config = JSON.stringify({
    records: isOnce ? join(folder, 'records') : undefined,
    log: join(folder, 'runs'),
    finish: join(folder, 'finish'),
    options,
  });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [PROGRAM, config],
    stderr: 'inherit',
  });
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await client.connect(transport);
  const pid = transport.pid as number;
  clients.push({ client, pid });
  const pay = (reason: string, options: { signal?: AbortSignal } = {}) =>
    client.callTool(
      { name: 'pay', arguments: { order: 7, amount: 20, reason } },
      undefined,
      options,
    );
  return { client, pid, pay };
}

describe.each([
  ['without samekey', false, 2],
  ['with samekey', true, 1],
] as const)('over stdio, %s,', (_, isOnce, count) => {
  it(`a host that starts the server again and repeats the call: runs ${count}`, async () => {
    finish();
    const first = await open(isOnce);
    const [text] = told(await first.pay('as agreed'));
    await first.client.close();
    const second = await open(isOnce);
    const [again, outcome] = told(await second.pay('the customer asks again'));
    expect(runs()).toHaveLength(count);
    expect(text).toBe(`paid by ${first.pid}`);
    expect([again, outcome]).toEqual(
      isOnce ? [text, 'replayed'] : [`paid by ${second.pid}`, undefined],
    );
  });

  it(`a call whose host gives up while it runs, and asks a new server: runs ${count}`, async () => {
    const first = await open(isOnce);
    const patience = new AbortController();
    const call = first.pay('as agreed', patience).catch((error: Error) => error.message);
    await expect.poll(runs).toHaveLength(1);
    patience.abort(new Error('it takes too long'));
    expect(await call).toContain('it takes too long');
    const second = await open(isOnce);
    const again = second.pay('the customer asks again');
    if (!isOnce) await expect.poll(runs).toHaveLength(2);
    finish();
    const [text, outcome] = told(await again);
    expect(runs()).toHaveLength(count);
    expect(text).toBe(`paid by ${isOnce ? first.pid : second.pid}`);
    // The run may have ended before the second server asked for it.
    expect(String(outcome)).toMatch(isOnce ? /^(?:joined|replayed)$/ : /^undefined$/);
  });
});

describe('over stdio, a server that is killed while the tool runs', () => {
  it.each([
    ['retry', 2],
    ['hold', 1],
  ] as const)('with onUnknown: %j', async (onUnknown, count) => {
    const options = { onUnknown, leaseMs: 500 };
    const first = await open(true, options);
    const call = first.pay('as agreed').catch((error: Error) => error.message);
    await expect.poll(runs).toHaveLength(1);
    process.kill(first.pid, 'SIGKILL');
    expect(await call).toContain('Connection closed');
    finish();
    const second = await open(true, options);
    const result = await second.pay('once more');
    expect(runs()).toHaveLength(count);
    if (onUnknown === 'retry') {
      expect(told(result)).toEqual([`paid by ${second.pid}`, 'executed']);
    } else {
      expect(result._meta).toEqual({ 'samekey-code': 'SAMEKEY_UNKNOWN_OUTCOME' });
      expect(told(result)[0]).toContain('wanted an operator to check what it did');
    }
  });
});
