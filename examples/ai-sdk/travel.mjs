/**
 * Middleware in front of the models of the AI SDK: `node examples/ai-sdk/travel.mjs`
 *
 * Runs three scenarios with and without samekey, against a local provider that bills its work: an
 * agent whose last step fails and that is restarted; two pages that read one stream; and a caller
 * that times out and retries. Prints how many tokens the duplicates saved.
 */
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, isStepCount, streamText, tool, wrapLanguageModel } from 'ai';
import { idempotencyMiddleware } from 'samekey/ai-sdk';
import { memoryStore } from 'samekey/store/memory';
import { z } from 'zod';
import { startProvider } from '../provider/provider.mjs';

const prompt = 'How is the weather where I am going?';
const weather = tool({
  description: 'The weather in a city',
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

/** The scenarios, by the line that is printed before each. */
const SITUATIONS = {
  'An agent fails at its second step, and is begun again:': {
    moods: ['answer', '500'],
    async run(model) {
      const agent = { model, prompt, tools: { weather }, stopWhen: isStepCount(3), maxRetries: 0 };
      await generateText(agent).catch(() => generateText(agent));
    },
  },
  'Two pages read the same stream:': {
    moods: ['slow-stream:10'],
    async run(model) {
      const [first, second] = await Promise.all(
        [1, 2].map(() => streamText({ model, prompt }).text),
      );
      if (first.length !== second.length) throw new Error('one of them missed something');
    },
  },
  'A caller gives up, and asks again:': {
    moods: ['late:400'],
    async run(model) {
      const ask = (timeoutMs) =>
        generateText({ model, prompt, abortSignal: AbortSignal.timeout(timeoutMs) });
      await ask(200).catch(() => ask(10_000));
    },
  },
};

for (const [title, { moods, run }] of Object.entries(SITUATIONS)) {
  console.log(title);
  for (const isProtected of [false, true]) {
    const provider = await startProvider({ moods, workMs: 20 });
    const anthropic = createAnthropic({ apiKey: 'none', baseURL: `${provider.url}/v1` });
    let savedTokens = 0;
    const middleware = idempotencyMiddleware({
      store: memoryStore(),
      onEvent({ type, saved }) {
        if (type === 'joined' || type === 'replayed') {
          savedTokens += saved.inputTokens + saved.outputTokens;
        }
      },
    });
    const own = anthropic('claude-sonnet-4-5');
    await run(isProtected ? wrapLanguageModel({ model: own, middleware }) : own);
    await middleware.close();
    const saved = isProtected ? `, ${savedTokens} tokens saved` : '';
    console.log(
      `  ${isProtected ? 'with samekey:   ' : 'without samekey:'} ${provider.summary()}${saved}`,
    );
    await provider.stop();
  }
}
