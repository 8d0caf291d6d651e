/**
 * A restarted agent: `node examples/anthropic/agent.mjs`
 *
 * An agent calls Anthropic's SDK, runs the tool that the model calls, and sends the tool's result back.
 * Its process may end after each of these steps, and a restart begins with the first step. Here this
 * happens twice. With samekey each answer is billed once and the tool runs once, because the records
 * are in a folder that outlives the process.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { idempotentFetch } from 'samekey/fetch';
import { createOnce, onceTool } from 'samekey/once';
import { lmdbStore } from 'samekey/store/lmdb';
import { startProvider } from '../provider/provider.mjs';

const tools = [
  {
    name: 'refund',
    description: 'Gives the money back.',
    input_schema: { type: 'object', properties: { order: { type: 'string' } } },
  },
];

/** Runs a turn from the start. It ends early where the process would end. */
async function turn({ url, fetch, refund }, goneAfter) {
  const client = new Anthropic({ fetch, baseURL: url, apiKey: 'none is needed here' });
  const settings = { model: 'm', max_tokens: 100, tools };
  const messages = [{ role: 'user', content: 'Refund order 7.' }];

  const answer = await client.messages.create({ ...settings, messages });
  if (goneAfter === 'the first answer') return;

  const call = answer.content.find(({ type }) => type === 'tool_use');
  const content = await refund(call.input);
  if (goneAfter === 'the tool') return;

  messages.push({ role: 'assistant', content: answer.content });
  messages.push({
    role: 'user',
    content: [{ type: 'tool_result', tool_use_id: call.id, content }],
  });
  await client.messages.stream({ ...settings, messages }).finalMessage();
}

for (const isProtected of [false, true]) {
  const provider = await startProvider();
  const path = await mkdtemp(join(tmpdir(), 'samekey-example-'));
  let refundCount = 0;
  const giveBack = async ({ order }) => {
    refundCount++;
    return `gave the money of ${order} back`;
  };

  for (const goneAfter of ['the first answer', 'the tool', 'nothing']) {
    if (!isProtected) {
      await turn({ url: provider.url, refund: giveBack }, goneAfter);
      continue;
    }
    // A new process: it has only the folder.
    const store = lmdbStore({ path });
    const fetch = idempotentFetch({ store });
    const refund = onceTool('refund', giveBack, { once: createOnce({ store }) });
    await turn({ url: provider.url, fetch, refund }, goneAfter);
    await fetch.close();
  }
  const name = isProtected ? 'with samekey:   ' : 'without samekey:';
  console.log(`${name} ${provider.summary()}, refunds: ${refundCount}`);
  await provider.stop();
  await rm(path, { recursive: true });
}
