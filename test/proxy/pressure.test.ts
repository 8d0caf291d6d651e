import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { proxy, startBehind, startInFront, upstream, useProxy } from './scene.js';

useProxy();

const CLIENTS = 6;
/** More than the system buffers for a client that does not read: up to 4 MB where it sends (`tcp_wmem` of Linux). */
const ANSWER_BYTES = 8_000_000;
const MAX_HELD = 8 * 1024 ** 2;
const BOUND = ['--max-held', '8MiB'];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'samekey-pressure-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const wordOf = (n: number) => `answer ${n} `;
const textOf = (n: number, byteCount = ANSWER_BYTES) =>
  wordOf(n).repeat(byteCount / wordOf(n).length);

/** Even ones are a document, odd ones a stream of events. */
function answerOf(n: number): { readonly type: string; readonly body: string } {
  const choice = { index: 0, finish_reason: null };
  if (n % 2 === 0) {
    const choices = [{ index: 0, message: { content: textOf(n) }, finish_reason: 'stop' }];
    const body = JSON.stringify({ object: 'chat.completion', choices });
    return { type: 'application/json', body };
  }
  const event = (delta: unknown, reason: string | null) =>
    `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ ...choice, delta, finish_reason: reason }] })}\n\n`;
  const part = event({ content: textOf(n, 1000) }, null);
  const body = `${part.repeat(ANSWER_BYTES / part.length)}${event({}, 'stop')}data: [DONE]\n\n`;
  return { type: 'text/event-stream', body };
}

/** How many answers the upstream has sent as a whole. */
let sentCount = 0;

const start = async (args: readonly string[], env = { TMPDIR: folder }) => {
  sentCount = 0;
  await startBehind(({ body }, response) => {
    const { n } = JSON.parse(body.toString());
    const answer = answerOf(n);
    response.on('finish', () => sentCount++);
    response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
  });
  await startInFront([...BOUND, ...args], env);
};

const bodyOf = (n: number | string) => JSON.stringify({ n, model: 'm', messages: [] });

const post = (n: number | string) =>
  fetch(`${proxy.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: bodyOf(n),
  });

/** A client that stops reading when the head has come. */
class StalledClient {
  readonly n: number;
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  #isReading = false;

  constructor(n: number) {
    this.n = n;
    const { hostname, port } = new URL(proxy.url);
    this.socket = connect(Number(port), hostname);
    const body = bodyOf(n);
    this.socket.write(
      `POST /v1/chat/completions HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    this.socket.on('error', () => {});
    this.socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      if (!this.#isReading) this.socket.pause();
    });
  }

  get hasHead() {
    return this.#chunks.length > 0;
  }

  /** Reads on to the end, and returns the body. */
  async body(): Promise<string> {
    const closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.#isReading = true;
    this.socket.resume();
    await closed;
    const all = Buffer.concat(this.#chunks).toString();
    return all.slice(all.indexOf('\r\n\r\n') + 4);
  }
}

async function stall(count = CLIENTS) {
  const clients = Array.from({ length: count }, (_, n) => new StalledClient(n));
  await expect.poll(() => clients.every(({ hasHead }) => hasHead)).toBe(true);
  return clients;
}

/** Returns a figure that no longer changes. */
async function steady(read: () => Promise<number>): Promise<number> {
  let [before, last] = [Number.NaN, Number.NaN];
  const isSteady = async () => {
    [before, last] = [last, await read()];
    return before === last;
  };
  await expect.poll(isSteady, { interval: 500 }).toBe(true);
  return last;
}

const held = async () => (await proxy.metric('samekey_proxy_held_bytes')) ?? Number.NaN;
const spilled = async () => (await proxy.metric('samekey_proxy_spilled_bytes')) ?? Number.NaN;

/** Whether the answer of a client is its own, byte by byte: a failed comparison of megabytes prints nothing. */
const isWhole = async (client: StalledClient) => (await client.body()) === answerOf(client.n).body;

const isOwn = async (response: Response, n: number) => (await response.text()) === answerOf(n).body;

describe('clients that stop reading, with files', () => {
  it('hold no more memory than the bound, and get all of their own answers', async () => {
    await start([]);
    const clients = await stall();
    const [gone, ...others] = clients as [StalledClient, ...StalledClient[]];
    // All but what the system buffers for them, and what fits in memory.
    await expect.poll(spilled).toBeGreaterThan((CLIENTS * ANSWER_BYTES) / 4);
    await expect.poll(held).toBeLessThanOrEqual(MAX_HELD);
    // A name would show other users what is there, and would stay after a crash.
    expect(readdirSync(folder)).toEqual([]);
    await expect.poll(() => sentCount).toBe(CLIENTS);
    const before = await steady(spilled);
    gone.socket.destroy();
    await expect.poll(spilled).toBeLessThan(before);
    const duplicates = await Promise.all(clients.map(({ n }) => post(n)));
    expect(await Promise.all(duplicates.map((response, n) => isOwn(response, n)))).toEqual(
      clients.map(() => true),
    );
    expect(await isOwn(await post(CLIENTS), CLIENTS)).toBe(true);
    expect(await Promise.all(others.map(isWhole))).toEqual(others.map(() => true));
    expect(upstream.requests.length).toBe(CLIENTS + 1);
    await expect.poll(async () => [await held(), await spilled()]).toEqual([0, 0]);
    expect(await proxy.metric('samekey_proxy_overloaded_total')).toBe(0);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('leave no file after %s', async (signal) => {
    await start(['--grace', '1ms']);
    await stall();
    await expect.poll(spilled).toBeGreaterThan(ANSWER_BYTES);
    await proxy.stop(signal);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('clients that stop reading', () => {
  it.each([
    ['without files', ['--max-spill', '0'], {}],
    ['with too little room for files', ['--max-spill', '2MiB'], {}],
    ['with a folder that does not exist', [], { TMPDIR: '/nonexistent/samekey' }],
  ])('%s make the proxy refuse new keys until they read on', async (_, args, env) => {
    await start(args, { TMPDIR: folder, ...env });
    expect(await isOwn(await post(100), 100)).toBe(true);
    const clients = await stall();
    await expect.poll(held).toBeGreaterThan(MAX_HELD);
    const refused = await post(200);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(refused.headers.get('x-should-retry')).toBe('true');
    expect(await refused.json()).toMatchObject({
      code: 'SAMEKEY_OVERLOADED',
      type: expect.stringMatching(/docs\/server\.md#overloaded$/),
    });
    const replayed = await post(100);
    expect(replayed.headers.get('samekey')).toBe('replayed');
    expect(await isOwn(replayed, 100)).toBe(true);
    expect(upstream.requests.length).toBe(CLIENTS + 1);
    expect(await proxy.metric('samekey_proxy_overloaded_total')).toBeGreaterThan(0);
    expect(await Promise.all(clients.map(isWhole))).toEqual(clients.map(() => true));
    await expect.poll(async () => [await held(), await spilled()]).toEqual([0, 0]);
    expect(await isOwn(await post(200), 200)).toBe(true);
    expect(upstream.requests.length).toBe(CLIENTS + 2);
    const told = proxy.log.filter(({ msg }) => msg === 'responses stay in memory');
    expect(told.length).toBe(args[1] === '0' ? 0 : 1);
  });
});

describe('clients that read', () => {
  it('get a whole answer, however long it waits for memory behind an older one', async () => {
    const IDLE_MS = 1000;
    let isOver = false;
    const SLOW = 'slow';
    const partOf = (reason: string | null) =>
      `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: {}, finish_reason: reason }] })}\n\n`;
    /** More than memory may hold, and less than what can be stored. */
    const whole = JSON.stringify({ text: textOf(0, 12_000_000) });
    await startBehind(async ({ body }, response) => {
      if (JSON.parse(body.toString()).n !== SLOW) {
        response.writeHead(200, { 'content-type': 'application/json' }).end(whole);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      while (!isOver) {
        response.write(partOf(null));
        await sleep(50);
      }
      response.end(`${partOf('stop')}data: [DONE]\n\n`);
    });
    await startInFront([...BOUND, '--max-spill', '0', '--idle', `${IDLE_MS}ms`]);
    const slow = await post(SLOW);
    const slowText = slow.text();
    const long = await post(0);
    const longText = long.text();
    await expect.poll(held).toBeGreaterThan(MAX_HELD);
    // Nothing is read of it for longer than `--idle`, and nothing is written to its client.
    await sleep(3 * IDLE_MS);
    isOver = true;
    expect(await slowText).toMatch(/\[DONE\]\n\n$/);
    expect((await longText) === whole).toBe(true);
    expect(upstream.requests.length).toBe(2);
    const again = await post(0);
    expect([again.headers.get('samekey'), (await again.text()) === whole]).toEqual([
      'replayed',
      true,
    ]);
  });

  it('are cut off from an upstream that stalls in the middle, with a key and without', async () => {
    await startBehind((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).write('half');
    });
    await startInFront(['--idle', '500ms']);
    for (const method of ['POST', 'PUT']) {
      const response = await fetch(proxy.url, { method, body: '{}' });
      await expect(response.text()).rejects.toThrow();
    }
    await expect.poll(() => proxy.outcomes()).toHaveLength(2);
  });
});
