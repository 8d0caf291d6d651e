/**
 * Timeouts of calls that landed anyway: `node examples/once/timeout.mjs`
 *
 * A caller waits for a while and tries again. Whether its first request is being worked on, or was
 * done, it cannot know. With samekey the second call joins the first, which goes on when its caller
 * has left; and where there is no answer to wait for, the request is looked for before it is sent
 * again.
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

/** A caller of little patience, who comes again. */
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
      timeoutMs: 4000, // of the call, whoever waits for it
      leaseMs: 1500,
      // Nobody knows how an earlier call ended.
      onUnknown: async () => found(await client.find(key)) ?? 'retry',
    });
    // The signal is the run's, not the caller's, who may leave.
    const ask = ({ signal }) =>
      client.create(request, { maxRetries: 0, metadata: { key }, signal }).catch(async (error) => {
        // An answer that says no is not in doubt.
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
