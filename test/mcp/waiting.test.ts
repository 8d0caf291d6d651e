import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { describe, expect, it } from 'vitest';
import { idempotentTools } from '../../src/mcp/mcp.js';
import { memoryStore } from '../../src/store/memory.js';
import { connect, latch, payment, Shop, shopServer, textOf, told } from './shop.js';

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
