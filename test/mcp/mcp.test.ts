import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  ListToolsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isKey } from '../../src/index.js';
import { idempotentTools, ToolError } from '../../src/mcp/mcp.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { connect, IDENTITY, INPUT, latch, Shop, shopServer, textOf, told } from './shop.js';

const REASONS = ['as agreed', 'the customer insists', undefined];
const payment = (reason?: string, more: object = {}) => ({
  name: 'pay',
  arguments: { order: 7, amount: 20, ...(reason !== undefined && { reason }), ...more },
});

describe('a payment whose reason is worded anew at each call', () => {
  it('is billed at each call without samekey', async () => {
    const shop = new Shop();
    const client = await connect(shopServer(shop));
    const results = [];
    for (const reason of REASONS) results.push(told(await client.callTool(payment(reason))));
    expect(results.map(([text]) => text)).toEqual(['receipt 1', 'receipt 2', 'receipt 3']);
    expect(shop.billed).toEqual([20, 20, 20]);
  });

  it('is billed once', async () => {
    const shop = new Shop();
    const client = await connect(shopServer(shop, idempotentTools({ store: memoryStore() })));
    const results = [];
    for (const reason of REASONS) results.push(told(await client.callTool(payment(reason))));
    expect(results).toEqual([
      ['receipt 1', 'executed'],
      ['receipt 1', 'replayed'],
      ['receipt 1', 'replayed'],
    ]);
    await client.callTool(payment('as agreed', { amount: 21 }));
    expect(shop.billed).toEqual([20, 21]);
  });
});

describe('the result', () => {
  it('says in _meta how it came about, beside what the tool says there', async () => {
    const tools = idempotentTools({ store: memoryStore() });
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    tools.on(server).registerTool('quote', { inputSchema: {} }, () => ({
      content: [],
      _meta: { currency: 'EUR', samekey: 'its own' },
    }));
    const client = await connect(server);
    const [first, second] = [
      await client.callTool({ name: 'quote' }),
      await client.callTool({ name: 'quote', arguments: {} }),
    ];
    const key = first._meta?.['samekey-key'];
    expect(isKey(key)).toBe(true);
    expect(first._meta).toEqual({ currency: 'EUR', samekey: 'executed', 'samekey-key': key });
    expect(second._meta).toEqual({ currency: 'EUR', samekey: 'replayed', 'samekey-key': key });
    expect(await tools.evict(key as string)).toBe(true);
    expect(told(await client.callTool({ name: 'quote' }))[1]).toBe('executed');
    expect(tools.stats()).toMatchObject({ executed: 2, replayed: 1 });
  });

  it('has structuredContent, which the SDK checks at both ends', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    idempotentTools({ store: memoryStore() })
      .on(server)
      .registerTool(
        'count',
        { inputSchema: { of: z.string() }, outputSchema: { runs: z.number(), of: z.string() } },
        ({ of }) => ({ content: [], structuredContent: { runs: ++runs, of } }),
      );
    const client = await connect(server);
    await client.listTools();
    for (const outcome of ['executed', 'replayed']) {
      const result = await client.callTool({ name: 'count', arguments: { of: 'pens' } });
      expect(result.structuredContent).toEqual({ runs: 1, of: 'pens' });
      expect(result._meta?.samekey).toBe(outcome);
    }
  });

  it('that does not fit the outputSchema stays: the tool has run', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    idempotentTools({ store: memoryStore() })
      .on(server)
      .registerTool('bad', { outputSchema: { runs: z.string() } }, () => ({
        content: [],
        structuredContent: { runs: ++runs },
      }));
    const client = await connect(server);
    for (const _ of ['first', 'second']) {
      const result = await client.callTool({ name: 'bad' });
      expect(result.isError).toBe(true);
      expect(told(result)[0]).toContain('Invalid structured content');
    }
    expect(runs).toBe(1);
  });

  it('is that of JSON, also for values that JSON does not have', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    idempotentTools({ store: memoryStore() })
      .on(server)
      .registerTool('odd', {}, () => ({
        content: [],
        structuredContent: { at: new Date(0), ratio: Number.NaN, runs: ++runs, none: undefined },
      }));
    const client = await connect(server);
    for (const _ of ['first', 'second']) {
      const { structuredContent } = await client.callTool({ name: 'odd' });
      expect(structuredContent).toEqual({ at: '1970-01-01T00:00:00.000Z', ratio: null, runs: 1 });
    }
  });

  it('that is too long to be stored reaches its callers all the same', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore(), maxResultBytes: 8 });
    const { opened, open } = latch();
    shop.pause = opened;
    const [first, second] = await Promise.all([1, 2].map(() => connect(shopServer(shop, tools))));
    const calls = [first?.callTool(payment()), second?.callTool(payment())];
    await expect.poll(() => shop.billed).toHaveLength(1);
    open();
    const outcomes = (await Promise.all(calls)).map(told);
    expect(outcomes.map(([text]) => text)).toEqual(['receipt 1', 'receipt 1']);
    expect(outcomes.map(([, outcome]) => outcome).sort()).toEqual(['executed', 'joined']);
    expect(shop.billed).toHaveLength(1);
  });
});

describe('a tool that fails', () => {
  const declining = (options: object = {}, result: CallToolResult | Error = DECLINED) => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const events: unknown[] = [];
    const tools = idempotentTools({
      store: memoryStore(),
      onEvent: (event) => events.push(event),
    });
    let runs = 0;
    tools.on(server, options).registerTool('pay', { inputSchema: INPUT }, async () => {
      runs++;
      if (result instanceof Error) throw result;
      return result;
    });
    return { server, events, runs: () => runs };
  };
  const DECLINED: CallToolResult = {
    content: [{ type: 'text', text: 'card declined' }],
    isError: true,
    _meta: { reason: 'limit' },
  };

  it('by isError runs again, and the client gets its result', async () => {
    const { server, events, runs } = declining();
    const client = await connect(server);
    for (const _ of ['first', 'second']) {
      const result = await client.callTool(payment());
      expect([result.isError, ...told(result)]).toEqual([true, 'card declined', 'executed']);
      expect(result._meta?.reason).toBe('limit');
    }
    expect(runs()).toBe(2);
    const [event] = events as { type: string; error: ToolError }[];
    expect(event?.type).toBe('failed');
    expect(event?.error).toBeInstanceOf(ToolError);
    expect(event?.error.result).toEqual(DECLINED);
  });

  it('by isError is replayed if storeResults says so', async () => {
    const { server, runs } = declining({ storeResults: () => true });
    const client = await connect(server);
    for (const outcome of ['executed', 'replayed']) {
      const result = await client.callTool(payment());
      expect([result.isError, ...told(result)]).toEqual([true, 'card declined', outcome]);
    }
    expect(runs()).toBe(1);
  });

  it('by an error runs again, and the SDK tells the client', async () => {
    const { server, runs } = declining({ storeResults: () => true }, new Error('no connection'));
    const client = await connect(server);
    for (const _ of ['first', 'second']) {
      const result = await client.callTool(payment());
      expect([result.isError, ...told(result)]).toEqual([true, 'no connection', undefined]);
    }
    expect(runs()).toBe(2);
  });

  it('for all who wait for it', async () => {
    const { opened, open } = latch();
    const server = () => {
      const made = new McpServer({ name: 'shop', version: '1.0.0' });
      tools.on(made).registerTool('pay', { inputSchema: INPUT }, async () => {
        runs++;
        await opened;
        return DECLINED;
      });
      return made;
    };
    let runs = 0;
    const tools = idempotentTools({ store: memoryStore() });
    const [one, two] = await Promise.all([connect(server()), connect(server())]);
    const calls = [one.callTool(payment()), two.callTool(payment())];
    await expect.poll(() => tools.stats().inFlight).toBe(1);
    open();
    const results = await Promise.all(calls);
    expect(results.map((result) => [result.isError, told(result)[0]])).toEqual([
      [true, 'card declined'],
      [true, 'card declined'],
    ]);
    expect(runs).toBe(1);
  });
});

describe('a key of the caller in _meta', () => {
  const keyed = (key: unknown, more: object = {}) => ({
    ...payment('as agreed', more),
    _meta: { idempotencyKey: key },
  });

  it('identifies the operation: another key is another payment', async () => {
    const shop = new Shop();
    const client = await connect(shopServer(shop, idempotentTools({ store: memoryStore() })));
    const results = [];
    for (const key of ['first', 'second', 'first'])
      results.push(told(await client.callTool(keyed(key))));
    results.push(told(await client.callTool(payment())));
    expect(results.map(([text]) => text)).toEqual([1, 2, 1, 3].map((each) => `receipt ${each}`));
  });

  it('belongs to the arguments that count: for others it is refused', async () => {
    const shop = new Shop();
    const client = await connect(shopServer(shop, idempotentTools({ store: memoryStore() })));
    await client.callTool(keyed('first'));
    expect(told(await client.callTool(keyed('first', { reason: 'asked twice' })))).toEqual([
      'receipt 1',
      'replayed',
    ]);
    const refused = await client.callTool(keyed('first', { amount: 21 }));
    expect(refused.isError).toBe(true);
    expect(refused._meta).toEqual({ 'samekey-code': 'SAMEKEY_MISMATCH' });
    expect(told(refused)[0]).toContain('its key was sent before with other arguments');
    expect(shop.billed).toEqual([20]);
  });

  it.each(['', 'undefined', 'two words', 'ik_short', 7, null])(
    '%j is refused, and the tool does not run',
    async (key) => {
      const shop = new Shop();
      const client = await connect(shopServer(shop, idempotentTools({ store: memoryStore() })));
      const refused = await client.callTool(keyed(key));
      expect(refused.isError).toBe(true);
      expect(refused._meta).toEqual({ 'samekey-code': 'SAMEKEY_BAD_KEY' });
      expect(told(refused)[0]).toMatch(/^Cannot use the key in _meta\["idempotencyKey"\]: it /);
      expect(shop.billed).toEqual([]);
    },
  );

  it('has another name by metaName', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore(), metaName: 'com.example/key' });
    const client = await connect(shopServer(shop, tools));
    for (const key of ['first', 'second'])
      await client.callTool({ ...payment(), _meta: { 'com.example/key': key } });
    for (const key of ['first', 'second']) await client.callTool(keyed(key));
    expect(shop.billed).toEqual([20, 20, 20]);
  });

  it('is needed with deriveKey: false, and without it the tool runs as without samekey', async () => {
    const server = new McpServer({ name: 'chat', version: '1.0.0' });
    let sent = 0;
    idempotentTools({ store: memoryStore() })
      .on(server, { deriveKey: false })
      .registerTool('send', { inputSchema: { text: z.string() } }, () => textOf(++sent));
    const client = await connect(server);
    const call = { name: 'send', arguments: { text: 'ok' } };
    const results = [];
    for (const each of [call, call, { ...call, _meta: { idempotencyKey: 'a' } }])
      results.push(told(await client.callTool(each)));
    results.push(told(await client.callTool({ ...call, _meta: { idempotencyKey: 'a' } })));
    expect(results).toEqual([
      ['receipt 1', undefined],
      ['receipt 2', undefined],
      ['receipt 3', 'executed'],
      ['receipt 3', 'replayed'],
    ]);
    const { tools } = await client.listTools();
    expect(tools[0]?.annotations).toEqual({ idempotentHint: false });
  });
});

describe('the arguments that count', () => {
  it('are those that exclude leaves', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    idempotentTools({ store: memoryStore() })
      .on(server, { identity: { exclude: ['reason'] } })
      .registerTool('pay', { inputSchema: INPUT }, () => textOf(++runs));
    const client = await connect(server);
    for (const reason of REASONS) await client.callTool(payment(reason));
    expect(runs).toBe(1);
    await client.callTool(payment('as agreed', { order: 8 }));
    expect(runs).toBe(2);
  });

  it('count, and not the JSON-RPC id, which starts at the same number in each session', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore() });
    for (const amount of [20, 21, 20]) {
      const client = await connect(shopServer(shop, tools));
      await client.callTool(payment('as agreed', { amount }));
    }
    expect(shop.billed).toEqual([20, 21]);
  });

  it('are those that the handler gets: validated, with defaults and without unknown ones', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    idempotentTools({ store: memoryStore() })
      .on(server)
      .registerTool(
        'order',
        { inputSchema: { item: z.string().trim(), count: z.number().default(1) } },
        () => textOf(++runs),
      );
    const client = await connect(server);
    const results = [];
    for (const args of [
      { item: 'pen' },
      { item: ' pen ', count: 1 },
      { count: 1, item: 'pen', nonce: 0.42 },
      { item: 'pen', count: 2 },
    ])
      results.push(told(await client.callTool({ name: 'order', arguments: args }))[0]);
    expect(results).toEqual(['receipt 1', 'receipt 1', 'receipt 1', 'receipt 2']);
    const invalid = await client.callTool({ name: 'order', arguments: { item: 7 } });
    expect(invalid.isError).toBe(true);
    expect(runs).toBe(2);
  });

  it('must be there, and JSON', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const tools = idempotentTools({ store: memoryStore() });
    let runs = 0;
    tools
      .on(server, { identity: { include: ['order'] } })
      .registerTool('cancel', { inputSchema: { order: z.number().optional() } }, () =>
        textOf(++runs),
      );
    tools
      .on(server)
      .registerTool(
        'tag',
        { inputSchema: { tags: z.array(z.string()).transform((list) => new Set(list)) } },
        () => textOf(++runs),
      );
    const client = await connect(server);
    const empty = await client.callTool({ name: 'cancel', arguments: {} });
    expect(empty._meta).toEqual({ 'samekey-code': 'SAMEKEY_EMPTY_IDENTITY' });
    const notJson = await client.callTool({ name: 'tag', arguments: { tags: ['a'] } });
    expect(notJson._meta).toEqual({ 'samekey-code': 'SAMEKEY_NOT_JSON' });
    expect(told(notJson)[0]).toContain('/tags');
    expect(runs).toBe(0);
  });

  it('are those of one tool: another name is another operation', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const once = idempotentTools({ store: memoryStore() }).on(server);
    let runs = 0;
    for (const name of ['pay', 'refund'])
      once.registerTool(name, { inputSchema: INPUT }, () => textOf(++runs));
    const client = await connect(server);
    await client.callTool(payment());
    await client.callTool({ ...payment(), name: 'refund' });
    expect(runs).toBe(2);
  });
});

describe('idempotentHint', () => {
  it('is true for tools that run once by their arguments, if nothing else is set', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const tools = idempotentTools({ store: memoryStore() });
    const handler = () => textOf(1);
    server.registerTool('bare', {}, handler);
    tools.on(server).registerTool('once', {}, handler);
    tools.on(server).registerTool('titled', { annotations: { title: 'Pay' } }, handler);
    tools.on(server).registerTool('own', { annotations: { idempotentHint: false } }, handler);
    tools.on(server, { deriveKey: false }).registerTool('by_key', {}, handler);
    const client = await connect(server);
    const { tools: listed } = await client.listTools();
    expect(Object.fromEntries(listed.map((each) => [each.name, each.annotations]))).toEqual({
      bare: undefined,
      once: { idempotentHint: true },
      titled: { title: 'Pay', idempotentHint: true },
      own: { idempotentHint: false },
      by_key: { idempotentHint: false },
    });
  });

  it('stays true after an update, whose handler runs once, too', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const tool = idempotentTools({ store: memoryStore() })
      .on(server, { identity: IDENTITY })
      .registerTool('pay', { inputSchema: INPUT }, () => textOf(0));
    let runs = 0;
    tool.update({
      callback: (() => textOf(++runs)) as never,
      annotations: { title: 'Pay' },
      paramsSchema: INPUT,
    });
    tool.update({ title: 'Payment' });
    const client = await connect(server);
    const { tools } = await client.listTools();
    expect(tools[0]?.annotations).toEqual({ title: 'Pay', idempotentHint: true });
    for (const reason of REASONS) await client.callTool(payment(reason));
    expect(runs).toBe(1);
  });
});

describe('a client that cancels', () => {
  it('does not end the run: its next call gets the result', async () => {
    const shop = new Shop();
    const { opened, open } = latch();
    shop.pause = opened;
    const client = await connect(shopServer(shop, idempotentTools({ store: memoryStore() })));
    const cancel = new AbortController();
    const call = client.callTool(payment('first'), undefined, { signal: cancel.signal });
    await expect.poll(() => shop.billed).toHaveLength(1);
    cancel.abort(new Error('I have waited enough'));
    await expect(call).rejects.toThrow('I have waited enough');
    const again = client.callTool(payment('second'));
    open();
    expect(told(await again)[0]).toBe('receipt 1');
    expect(shop.billed).toEqual([20]);
  });

  it('by its timeout, and calls again, is billed twice without samekey', async () => {
    for (const [tools, billed] of [
      [undefined, 2],
      [idempotentTools({ store: memoryStore() }), 1],
    ] as const) {
      const shop = new Shop();
      const { opened, open } = latch();
      shop.pause = opened;
      const client = await connect(shopServer(shop, tools));
      await expect(client.callTool(payment(), undefined, { timeout: 50 })).rejects.toThrow(
        'timed out',
      );
      const again = client.callTool(payment('once more'));
      if (billed === 2) await expect.poll(() => shop.billed).toHaveLength(2);
      open();
      await again;
      expect(shop.billed).toHaveLength(billed);
    }
  });

  it('ends it with onAbandoned: "abort", if no other client waits', async () => {
    const tools = idempotentTools({ store: memoryStore(), onAbandoned: 'abort' });
    const ends: string[] = [];
    const server = () => {
      const made = new McpServer({ name: 'shop', version: '1.0.0' });
      tools.on(made).registerTool('wait', {}, async ({ signal }) => {
        await new Promise((resolve) => {
          signal.addEventListener('abort', resolve);
          finish = () => resolve(undefined);
        });
        ends.push(signal.aborted ? 'aborted' : 'finished');
        return textOf(1);
      });
      return made;
    };
    let finish: (() => void) | undefined;
    const [one, two] = await Promise.all([connect(server()), connect(server())]);
    const cancels = [new AbortController(), new AbortController()];
    const calls = [one, two].map((client, index) =>
      client
        .callTool({ name: 'wait' }, undefined, { signal: cancels[index]?.signal as AbortSignal })
        .catch(() => 'cancelled'),
    );
    await expect.poll(() => finish).toBeDefined();
    cancels[0]?.abort();
    expect(await calls[0]).toBe('cancelled');
    expect(ends).toEqual([]);
    cancels[1]?.abort();
    expect(await calls[1]).toBe('cancelled');
    await expect.poll(() => ends).toEqual(['aborted']);
  });
});

describe('progress', () => {
  it('reaches each client that waits, with its own token, and not one that has left', async () => {
    const tools = idempotentTools({ store: memoryStore() });
    const steps = [latch(), latch()];
    const server = () => {
      const made = new McpServer({ name: 'shop', version: '1.0.0' });
      tools.on(made).registerTool('slow', {}, async ({ _meta, sendNotification }) => {
        for (const [progress, { opened }] of steps.entries()) {
          await opened;
          await sendNotification({
            method: 'notifications/progress',
            params: { progressToken: _meta?.progressToken as number, progress },
          });
        }
        return textOf(1);
      });
      return made;
    };
    const clients = await Promise.all([1, 2, 3].map(() => connect(server())));
    // Tokens count from 0: the second client's is another one.
    await clients[1]?.listTools();
    const seen: number[][] = [[], []];
    const call = (at: number) =>
      clients[at]
        ?.callTool({ name: 'slow' }, undefined, {
          onprogress: ({ progress }) => seen[at]?.push(progress),
        })
        .catch(() => undefined);
    const first = call(0);
    await expect.poll(() => tools.stats().inFlight).toBe(1);
    const second = call(1);
    const silent = clients[2]?.callTool({ name: 'slow' });
    await clients[1]?.ping();
    await clients[2]?.ping();
    steps[0]?.open();
    await expect.poll(() => seen).toEqual([[0], [0]]);
    await clients[0]?.close();
    await first;
    steps[1]?.open();
    expect(told(await second)).toEqual(['receipt 1', 'joined']);
    expect(told(await silent)).toEqual(['receipt 1', 'joined']);
    expect(seen).toEqual([[0], [0, 1]]);
  });
});

describe('many calls at once', () => {
  it('are one run', async () => {
    const shop = new Shop();
    const tools = idempotentTools({ store: memoryStore() });
    const { opened, open } = latch();
    shop.pause = opened;
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => connect(shopServer(shop, tools))),
    );
    const calls = clients.flatMap((client) =>
      Array.from({ length: 10 }, (_, index) => client.callTool(payment(`wording ${index}`))),
    );
    await Promise.all(clients.map((client) => client.ping()));
    open();
    const outcomes = (await Promise.all(calls)).map((result) => told(result)[1]);
    expect(shop.billed).toEqual([20]);
    expect(outcomes.filter((outcome) => outcome === 'executed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'joined')).toHaveLength(99);
  });
});

describe('options of once', () => {
  it('onDuplicate: "reject" refuses a call while the tool runs', async () => {
    const shop = new Shop();
    const { opened, open } = latch();
    shop.pause = opened;
    const tools = idempotentTools({ store: memoryStore(), onDuplicate: 'reject' });
    const client = await connect(shopServer(shop, tools));
    const call = client.callTool(payment());
    const refused = await client.callTool(payment('again'));
    expect([refused.isError, refused._meta]).toEqual([
      true,
      { 'samekey-code': 'SAMEKEY_IN_PROGRESS' },
    ]);
    open();
    expect(told(await call)).toEqual(['receipt 1', 'executed']);
  });

  it('timeoutMs ends the wait for a tool', async () => {
    const shop = new Shop();
    const { opened, open } = latch();
    shop.pause = opened;
    const tools = idempotentTools({ store: memoryStore(), timeoutMs: 50, onUnknown: 'hold' });
    const client = await connect(shopServer(shop, tools));
    const late = await client.callTool(payment());
    expect(late._meta).toEqual({ 'samekey-code': 'SAMEKEY_TIMEOUT' });
    const held = await client.callTool(payment());
    expect(held._meta).toEqual({ 'samekey-code': 'SAMEKEY_UNKNOWN_OUTCOME' });
    expect(shop.billed).toHaveLength(1);
    open();
  });

  it('unknownErrors sees a result that is not stored, and onUnknown decides', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    let runs = 0;
    const tools = idempotentTools({
      store: memoryStore(),
      unknownErrors: (error) =>
        error instanceof ToolError && told(error.result)[0] === 'connection reset',
      onUnknown: 'hold',
    });
    tools.on(server).registerTool('pay', { inputSchema: INPUT }, () => {
      runs++;
      return { content: [{ type: 'text', text: 'connection reset' }], isError: true };
    });
    const client = await connect(server);
    expect(told(await client.callTool(payment()))[0]).toBe('connection reset');
    const held = await client.callTool(payment());
    expect(held._meta).toEqual({ 'samekey-code': 'SAMEKEY_UNKNOWN_OUTCOME' });
    expect(runs).toBe(1);
  });

  it('ttlMs of one tool: after it, the same arguments are a new operation', async () => {
    const server = new McpServer({ name: 'shop', version: '1.0.0' });
    const tools = idempotentTools({ store: memoryStore() });
    const runs = { brief: 0, lasting: 0 };
    tools.on(server, { ttlMs: 1 }).registerTool('brief', {}, () => textOf(++runs.brief));
    tools.on(server).registerTool('lasting', {}, () => textOf(++runs.lasting));
    const client = await connect(server);
    const call = async () => {
      for (const name of ['brief', 'lasting']) await client.callTool({ name });
      return runs.brief;
    };
    await expect.poll(call).toBeGreaterThan(1);
    expect(runs.lasting).toBe(1);
  });

  it('a store that fails: the client gets no word of it but a code', async () => {
    const shop = new Shop();
    const folder = mkdtempSync(join(tmpdir(), 'samekey-mcp-'));
    const store = lmdbStore({ path: folder });
    await store.close();
    rmSync(folder, { recursive: true });
    const failing = idempotentTools({ store });
    const client = await connect(shopServer(shop, failing));
    const refused = await client.callTool(payment());
    expect([refused.isError, refused._meta]).toEqual([true, { 'samekey-code': 'SAMEKEY_STORE' }]);
    expect(told(refused)[0]).not.toContain(tmpdir());
    expect(shop.billed).toEqual([]);
    const running = await connect(
      shopServer(shop, idempotentTools({ store, onStoreError: 'run' })),
    );
    expect(told(await running.callTool(payment()))).toEqual(['receipt 1', 'executed']);
  });
});

describe('a Server without registerTool', () => {
  it('runs a handler once, lists its hint, and tells it its key', async () => {
    const tools = idempotentTools({ store: memoryStore() });
    let paid = 0;
    const keys: unknown[] = [];
    const pay = tools.handler(
      'pay',
      async (_args: Record<string, unknown>, { _meta }) => {
        keys.push(_meta?.['samekey-key'], _meta?.traceparent);
        return textOf(++paid);
      },
      { identity: IDENTITY },
    );
    const server = new Server({ name: 'shop', version: '1.0.0' }, { capabilities: { tools: {} } });
    server.setRequestHandler(ListToolsRequestSchema, () => ({
      tools: [
        { name: 'pay', inputSchema: { type: 'object' as const }, annotations: pay.annotations },
      ],
    }));
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
      pay(params.arguments ?? {}, extra),
    );
    const client = await connect(server);
    const { tools: listed } = await client.listTools();
    expect(listed[0]?.annotations).toEqual({ idempotentHint: true });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const results = [];
    for (const reason of REASONS)
      results.push(await client.callTool({ ...payment(reason), _meta: { traceparent } }));
    expect(results.map(told)).toEqual([
      ['receipt 1', 'executed'],
      ['receipt 1', 'replayed'],
      ['receipt 1', 'replayed'],
    ]);
    expect(keys).toEqual([results[0]?._meta?.['samekey-key'], traceparent]);
  });

  it('gets an error of the handler as without samekey', async () => {
    const pay = idempotentTools({ store: memoryStore() }).handler('pay', () => {
      throw Object.assign(new Error('no such order'), { code: -32602 });
    });
    const server = new Server({ name: 'shop', version: '1.0.0' }, { capabilities: { tools: {} } });
    server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
      pay(params.arguments as never, extra),
    );
    const client = await connect(server);
    await expect(client.callTool(payment())).rejects.toMatchObject({ code: -32602 });
  });
});

describe('wrong use', () => {
  const tools = idempotentTools({ store: memoryStore() });

  it.each([
    [() => tools.on({} as never), 'Cannot register tools on an object: it has no registerTool()'],
    [() => tools.handler('', () => ({})), 'Cannot make a tool: its name is'],
    [() => tools.handler('pay', 7 as never), 'Cannot make a tool: it is'],
    [
      () => tools.handler('pay', () => ({}), { store: memoryStore() } as never),
      'it is an option of idempotentTools',
    ],
    [
      () => idempotentTools({ store: memoryStore(), identity: {} } as never),
      'it is an option of one tool',
    ],
  ])('%s is refused', (act, message) => {
    expect(act).toThrow(message);
  });

  it('of a handler without the extra of the SDK is refused', async () => {
    const pay = tools.handler('pay', () => ({}));
    await expect(pay({} as never, undefined as never)).rejects.toThrow(
      'Cannot run the tool "pay": its last argument is undefined, wanted the extra of the SDK',
    );
  });

  it('of a tool after close() is refused without words about the store', async () => {
    const shop = new Shop();
    const closed = idempotentTools({ store: memoryStore() });
    const client = await connect(shopServer(shop, closed));
    await closed.close();
    const refused = await client.callTool(payment());
    expect(refused._meta).toEqual({ 'samekey-code': 'SAMEKEY_CLOSED' });
    expect(told(refused)[0]).toMatch(/^Cannot run the tool: the records of earlier calls/);
    expect(shop.billed).toEqual([]);
  });
});
