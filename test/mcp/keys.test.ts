import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { idempotentTools } from '../../src/mcp/mcp.js';
import { memoryStore } from '../../src/store/memory.js';
import { connect, INPUT, payment, REASONS, Shop, shopServer, textOf, told } from './shop.js';

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
