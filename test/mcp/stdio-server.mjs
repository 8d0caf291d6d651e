/**
 * A server over stdio, as a host starts one for each of its sessions. It is plain JavaScript and imports
 * the built package. Each payment appends a line to a file, and lasts until another file is there.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { idempotentTools } from '../../dist/mcp/mcp.js';
import { lmdbStore } from '../../dist/store/lmdb.js';

const { records, log, finish, options } = JSON.parse(process.argv[2]);
const tools = records && idempotentTools({ store: lmdbStore({ path: records }), ...options });
const server = new McpServer({ name: 'shop', version: '1.0.0' });
const { registerTool } = tools?.on(server, { identity: { include: ['order', 'amount'] } }) ?? {
  registerTool: server.registerTool.bind(server),
};
registerTool(
  'pay',
  { inputSchema: { order: z.number(), amount: z.number(), reason: z.string() } },
  async ({ order }) => {
    appendFileSync(log, `${order} ${process.pid}\n`);
    while (!existsSync(finish)) await sleep(10);
    return { content: [{ type: 'text', text: `paid by ${process.pid}` }] };
  },
);
await server.connect(new StdioServerTransport());
