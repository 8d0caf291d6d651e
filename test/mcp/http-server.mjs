/**
 * One of several stateless servers over HTTP that share a Redis, as a fleet behind a load balancer. It is
 * plain JavaScript and imports the built package. Each payment appends a line to a file, and lasts until
 * another file is there.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { createClient } from 'redis';
import { z } from 'zod';
import { idempotentTools } from '../../dist/mcp/mcp.js';
import { redisStore } from '../../dist/store/redis.js';

const { redisUrl, log, finish } = JSON.parse(process.argv[2]);
const client = redisUrl && createClient({ url: redisUrl });
await client?.on('error', () => {}).connect();
const tools = client && idempotentTools({ store: redisStore({ client }) });

function makeServer() {
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
  return server;
}

const server = createServer(async (request, response) => {
  const mcp = makeServer();
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => void mcp.close());
  await mcp.connect(transport);
  await transport.handleRequest(request, response);
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
