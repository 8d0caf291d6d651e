/**
 * `fetch` for OpenAI's SDK: `node examples/openai/chat.mjs`
 *
 * Runs three scenarios with and without samekey, against a local provider that bills its work: a client
 * that times out and retries, as the SDK does by itself; three equal requests at the same time; and two
 * readers of one stream.
 */

import OpenAI from 'openai';
import { idempotentFetch } from 'samekey/fetch';
import { memoryStore } from 'samekey/store/memory';
import { startProvider } from '../provider/provider.mjs';

const request = { model: 'm', messages: [{ role: 'user', content: 'Refund order 7.' }] };

/** The scenarios, by the line that is printed before each. */
const SITUATIONS = {
  'The answer comes when the client has given up:': {
    moods: ['late:900'],
    run: ({ chat }) => chat.completions.create(request),
  },
  'Three say the same at the same time, and one says it later:': {
    moods: [],
    async run({ chat }) {
      await Promise.all([1, 2, 3].map(() => chat.completions.create(request)));
      await chat.completions.create(request);
    },
  },
  'Two read the same stream:': {
    moods: ['slow-stream:10'],
    async run({ chat }) {
      const read = async () => {
        let text = '';
        const stream = await chat.completions.create({ ...request, stream: true });
        for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
        return text;
      };
      const [first, second] = await Promise.all([read(), read()]);
      if (first.length !== second.length) throw new Error('one of them missed something');
    },
  },
};

for (const [title, { moods, run }] of Object.entries(SITUATIONS)) {
  console.log(title);
  for (const isProtected of [false, true]) {
    const provider = await startProvider({ moods, workMs: 20 });
    const fetch = isProtected ? idempotentFetch({ store: memoryStore() }) : undefined;
    const client = new OpenAI({
      fetch,
      apiKey: 'none is needed here',
      baseURL: `${provider.url}/v1`,
      timeout: 500,
    });
    await run(client);
    console.log(`  ${isProtected ? 'with samekey:   ' : 'without samekey:'} ${provider.summary()}`);
    await provider.stop();
  }
}
