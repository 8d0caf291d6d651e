import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { describe, expect, it } from 'vitest';
import { idempotentTools, ToolError } from '../../src/mcp/mcp.js';
import { encryptedCodec } from '../../src/once/index.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { request } from '../store/requests.js';
import { connect, INPUT, latch, payment, Shop, shopServer, textOf, told } from './shop.js';

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

  it('codec encrypts what the store has, and a lost key is told', async () => {
    const shop = new Shop();
    const store = memoryStore();
    const codecOf = (id: string) => encryptedCodec({ keys: [{ id, key: new Uint8Array(32) }] });
    const clientOf = (id: string) =>
      connect(shopServer(shop, idempotentTools({ store, codec: codecOf(id) })));
    const [first, second, lost] = [await clientOf('a'), await clientOf('a'), await clientOf('b')];
    const ran = await first.callTool(payment());
    expect(told(ran)).toEqual(['receipt 1', 'executed']);
    const key = ran._meta?.['samekey-key'] as string;
    const { record } = await store.read(key);
    expect(record?.codec).toBe('encrypted');
    expect(Buffer.from(record?.payload ?? []).toString('latin1')).not.toMatch(/receipt|text/);
    expect(told(await second.callTool(payment('again')))).toEqual(['receipt 1', 'replayed']);
    const refused = await lost.callTool(payment());
    expect([refused.isError, refused._meta]).toEqual([
      true,
      { 'samekey-code': 'SAMEKEY_UNREADABLE' },
    ]);
    expect(shop.billed).toHaveLength(1);
  });

  it.each([
    ['null', 'json', 'null'],
    ['a text', 'json', '"receipt 9"'],
    ['a list', 'json', '["receipt 9"]'],
    ['text that is cut', 'json', '{"content":[{"ty'],
    ['a value of the codec rich', 'rich', '[{"content":1},[]]'],
    ['a stored response', 'http-response', ''],
  ])('%s in the place of a result is told, and is no result', async (_, codec, text) => {
    const shop = new Shop();
    const store = memoryStore();
    const clientOf = () => connect(shopServer(shop, idempotentTools({ store, cache: false })));
    const client = await clientOf();
    const key = (await client.callTool(payment()))._meta?.['samekey-key'] as string;
    const { record } = await store.read(key);
    await store.evict(key);
    const fingerprint = record?.fingerprint;
    await store.claim(key, request('x', { fingerprint }));
    const payload = Buffer.from(text);
    await store.complete(key, 'x', { state: 'done', codec, payload, ttlMs: 60_000 });
    const refused = await client.callTool(payment());
    expect([refused.isError, refused._meta]).toEqual([
      true,
      { 'samekey-code': 'SAMEKEY_UNREADABLE' },
    ]);
    expect(shop.billed).toHaveLength(1);
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
