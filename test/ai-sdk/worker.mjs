/**
 * One process of several that share a Redis: asks a model for the same as the others do, and prints
 * what came of it. It is plain JavaScript on what the package ships, as its users run it.
 */
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { createClient } from 'redis';
import { idempotencyMiddleware } from 'samekey/ai-sdk';
import { redisStore } from 'samekey/store/redis';

const [, , providerUrl, redisUrl, prompt] = process.argv;
const client = createClient({ url: redisUrl });
await client.connect();
const middleware = idempotencyMiddleware({ store: redisStore({ client }) });
const openai = createOpenAI({ baseURL: `${providerUrl}/v1`, apiKey: 'a' });
const model = wrapLanguageModel({ model: openai.chat('gpt-5'), middleware });

const generated = await generateText({ model, prompt });
const streamed = streamText({ model, prompt });
console.log(
  JSON.stringify({
    texts: [generated.text, await streamed.text],
    outcomes: [generated.providerMetadata, await streamed.providerMetadata].map(
      (metadata) => metadata.samekey.outcome,
    ),
  }),
);
await middleware.close();
client.destroy();
