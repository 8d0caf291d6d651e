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
import { memoryStore } from '../../src/store/memory.js';
import {
  connect,
  IDENTITY,
  INPUT,
  latch,
  payment,
  REASONS,
  Shop,
  shopServer,
  textOf,
  told,
} from './shop.js';

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

  it('is passed on, and not stored, if storeResults fails', async () => {
    let runs = 0;
    const extra = { signal: new AbortController().signal, sendNotification: async () => {} };
    for (const storeResults of [
      () => {
        throw new Error('no');
      },
      async () => {
        throw new Error('no');
      },
    ]) {
      const tools = idempotentTools({ store: memoryStore() });
      const pay = tools.handler('pay', async () => ({ content: [], run: ++runs }), {
        storeResults: storeResults as never,
      });
      const before = runs;
      expect(await pay({ order: 7 }, extra)).toMatchObject({ run: before + 1 });
      expect(runs).toBe(before + 1);
      await tools.close();
    }
  });

  it('of a call without arguments is that of a call with none', async () => {
    const tools = idempotentTools({ store: memoryStore() });
    const given: unknown[] = [];
    const list = tools.handler('list', async (args?: object) => {
      given.push(args);
      return { content: [] };
    });
    const extra = { signal: new AbortController().signal, sendNotification: async () => {} };
    expect(await list(undefined, extra)).toMatchObject({ _meta: { samekey: 'executed' } });
    expect(await list({}, extra)).toMatchObject({ _meta: { samekey: 'replayed' } });
    expect(given).toEqual([{}]);
    await tools.close();
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
