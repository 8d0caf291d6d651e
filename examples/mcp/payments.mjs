/**
 * An MCP server whose payments are billed once: `node examples/mcp/payments.mjs`
 *
 * The agent calls the tool and times out while the payment is made. It calls again, in other words. Then
 * its host is restarted, and the agent, which remembers nothing of it, pays the same order a third time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { idempotentTools } from 'samekey/mcp';
import { memoryStore } from 'samekey/store/memory';
import { z } from 'zod';

/** Makes the server of one session. `register` is its `registerTool`, or the one of samekey. */
function makeServer(billed, register) {
  const server = new McpServer({ name: 'shop', version: '1.0.0' });
  register(server)(
    'pay',
    { inputSchema: { order: z.number(), amount: z.number(), reason: z.string() } },
    async ({ amount }) => {
      billed.push(amount);
      const receipt = billed.length;
      await sleep(400);
      return { content: [{ type: 'text', text: `receipt ${receipt}` }] };
    },
  );
  return server;
}

/** Connects the host of an agent, with a session of its own. */
async function connect(server) {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const client = new Client({ name: 'agent', version: '1.0.0' });
  await Promise.all([server.connect(far), client.connect(near)]);
  return client;
}

const call = (reason) => ({ name: 'pay', arguments: { order: 7, amount: 20, reason } });
const receiptIn = ({ content: [{ text }] }) => text;

/** Pays order 7, as an agent that gives up after 100 ms. Returns the receipts that it gets. */
async function payOrder(serve) {
  const first = await connect(serve());
  await first
    .callTool(call('The customer agreed to pay order 7.'), undefined, { timeout: 100 })
    .catch(() => 'nobody knows whether it was paid');
  const receipts = [receiptIn(await first.callTool(call('Payment of order 7, as requested.')))];
  await first.close();
  const second = await connect(serve());
  receipts.push(receiptIn(await second.callTool(call('Order 7 is still to be paid.'))));
  await second.close();
  return receipts;
}

const tools = idempotentTools({ store: memoryStore() });
const ways = {
  'without samekey:': (server) => server.registerTool.bind(server),
  'with samekey:': (server) =>
    tools.on(server, { identity: { include: ['order', 'amount'] } }).registerTool,
};
for (const [name, register] of Object.entries(ways)) {
  const billed = [];
  const receipts = await payOrder(() => makeServer(billed, register));
  const total = billed.reduce((sum, amount) => sum + amount, 0);
  console.log(`${name} billed ${total} EUR, the agent was told of ${receipts.join(' and ')}`);
}
