/**
 * `fetch` in front of OpenAI's SDK: `node examples/openai/chat.mjs`
 *
 * Each does the same with and without samekey, against a provider of this machine that bills what it
 * does: a client that gives up before the answer comes and tries again, as the SDK does by itself;
 * three requests that say the same at the same time; and a stream that two read.
 */

import OpenAI from 'openai';
import { idempotentFetch } from 'samekey/fetch';
import { memoryStore } from 'samekey/store/memory';
import { startProvider } from '../provider/provider.mjs';

const request = { model: 'm', messages: [{ role: 'user', content: 'Refund order 7.' }] };

/** What a client goes through, by what is printed before it. */
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
