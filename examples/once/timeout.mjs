/**
 * Timeouts of calls that were executed: `node examples/once/timeout.mjs`
 *
 * A caller times out and retries. It cannot know whether its first request is in progress or done. With
 * samekey the second call joins the first one, which continues after its caller has given up. Where
 * there is no answer to wait for, the program looks up the request before it sends it again.
 */
import { keyOf } from 'samekey';
import { createOnce } from 'samekey/once';
import { lmdbStore } from 'samekey/store/lmdb';
import { createClient } from './client.mjs';
import { compare } from './compare.mjs';

const request = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Book the 18:37 to Chur.' }],
};

const SCENES = {
  late: 'The answer comes when the caller has given up:',
  lose: 'The work is done, and then the connection breaks:',
  hang: 'Nothing is done, and no answer comes:',
};

/** A caller that gives up early and retries. */
const PATIENCE_MS = 1000;
const MAX_ATTEMPTS = 10;

async function untilAnswered(call) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(AbortSignal.timeout(PATIENCE_MS));
    } catch (error) {
      if (attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

const ways = {
  async 'without samekey:'(url) {
    const client = createClient(url);
    await untilAnswered((signal) => client.create(request, { maxRetries: 0, signal }));
  },

  async 'with samekey:'(url, folder) {
    const client = createClient(url);
    const key = keyOf(request);
    const once = createOnce({
      store: lmdbStore({ path: folder }),
      timeoutMs: 4000, // of the call, not of one caller
      leaseMs: 1500,
      // The outcome of an earlier call is unknown.
      onUnknown: async () => found(await client.find(key)) ?? 'retry',
    });
    // This is the signal of the run, not of a caller, which may give up.
    const ask = ({ signal }) =>
      client.create(request, { maxRetries: 0, metadata: { key }, signal }).catch(async (error) => {
        // A refusal leaves no doubt about the outcome.
        const answer = error.status ? undefined : found(await client.find(key));
        if (answer === undefined) throw error;
        return answer.value;
      });
    await untilAnswered((signal) => once(key, ask, { signal }));
    await once.close();
  },
};

const found = (answer) => answer && { value: answer };

for (const [mood, title] of Object.entries(SCENES)) {
  console.log(title);
  await compare([mood], ways);
}
