import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { IdempotentTools } from '../../src/mcp/mcp.js';

/** What a payment is, and what does not matter: the reason, which a model words anew at each call. */
export const IDENTITY = { include: ['order', 'amount'] };

export const INPUT = { order: z.number(), amount: z.number(), reason: z.string().optional() };

/** A shop that bills. `pause` makes a payment last until it is resolved. */
export class Shop {
  readonly billed: number[] = [];
  pause: Promise<unknown> | undefined;

  async pay(amount: number): Promise<number> {
    this.billed.push(amount);
    const receipt = this.billed.length;
    await this.pause;
    return receipt;
  }
}

/** A server with the tool `pay`, by samekey if there are `tools`. One server has one connection. */
export function shopServer(shop: Shop, tools?: IdempotentTools): McpServer {
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  const { registerTool } = tools?.on(server, { identity: IDENTITY }) ?? {
    registerTool: server.registerTool.bind(server) as McpServer['registerTool'],
  };
  registerTool('pay', { inputSchema: INPUT }, async ({ amount }) => textOf(await shop.pay(amount)));
  return server;
}

export const textOf = (receipt: number): CallToolResult => ({
  content: [{ type: 'text', text: `receipt ${receipt}` }],
});

/** Connects a new client to a server in memory. */
export async function connect(server: McpServer | Server): Promise<Client> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await Promise.all([server.connect(far), client.connect(near)]);
  return client;
}

/** The text of a result, and what samekey says of it. */
export function told(result: unknown): readonly [text: string, outcome: unknown] {
  const { content, _meta } = result as CallToolResult;
  const [first] = content;
  return [first?.type === 'text' ? first.text : '', _meta?.samekey];
}

/** A promise, and the function that resolves it. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A call of the tool that pays, with a reason that does not count. */
export const payment = (reason?: string, more: object = {}) => ({
  name: 'pay',
  arguments: { order: 7, amount: 20, ...(reason !== undefined && { reason }), ...more },
});

/** How a model words the same payment each time. */
export const REASONS = ['as agreed', 'the customer insists', undefined];
