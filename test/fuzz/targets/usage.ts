/** The tokens in the body of an answer. */
import assert from 'node:assert/strict';
import { usageIn } from '../../../src/cost/usage.js';
import { usageOf } from '../../../src/cost/usage-of.js';
import { jsonIn, withChoices } from '../chunks.js';

export const seeds = [
  '\x00{"usage":{"prompt_tokens":1,"prompt_tokens_details":{"cached_tokens":4},"cache_creation_input_tokens":9}}',
  '\x00{"model":"m","usage":{"prompt_tokens":9,"completion_tokens":12,"prompt_tokens_details":{"cached_tokens":4}}}',
  '\x01data: {"usage":null}\n\ndata: {"type":"message_delta","usage":{"input_tokens":3,"output_tokens":2}}',
  '\x02{"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"thoughtsTokenCount":2}}\n{"usage":{}}',
  '\x03\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00{"usage":{"inputTokens":9}}....',
  '\x00{"usage":{"inputTokens":{"total":9,"noCache":1},"outputTokens":{"total":1}}}',
];

const TYPES = [
  'application/json',
  'text/event-stream',
  'application/x-ndjson',
  'application/vnd.amazon.eventstream',
  '',
];

export function fuzz(input: Uint8Array): void {
  const [type, body] = withChoices(input, 1) as [number, Uint8Array];
  const contentType = TYPES[type % TYPES.length] as string;
  const usage = usageOf(body, contentType);
  if (contentType === 'application/json') {
    const value = jsonIn(body);
    // An object that is a usage itself counts for `usageIn` only.
    if (usage !== undefined) assert.deepEqual(usageIn(value), usage);
  }
  if (usage === undefined) return;
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, model } = usage;
  for (const count of [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens]) {
    assert.ok(Number.isInteger(count) && count >= 0, String(count));
  }
  assert.ok(cachedInputTokens + cacheWriteTokens <= inputTokens);
  assert.ok(model === undefined || typeof model === 'string');
}
