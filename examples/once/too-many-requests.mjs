/**
 * The 429 that was billed: `node examples/once/too-many-requests.mjs`
 *
 * The provider does the work, finds that it exceeds the limit, and answers 429. By default an SDK sends
 * the request again, and the provider bills it a second time. So this program looks a request up
 * before it sends it again. The key makes that possible: it is the same in every attempt and is in the
 * request's metadata. `once` makes it safe: while one caller sends and looks up, all other callers with the
 * same request wait for its result.
 */
import { keyOf } from 'samekey';
import { createOnce } from 'samekey/once';
import { lmdbStore } from 'samekey/store/lmdb';
import { createClient } from './client.mjs';
import { compare } from './compare.mjs';

const request = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Summarise the contract.' }],
};

await compare(['refuse'], {
  async 'without samekey:'(url) {
    await createClient(url).create(request);
  },

  async 'with samekey:'(url, folder) {
    const client = createClient(url);
    const once = createOnce({ store: lmdbStore({ path: folder }) });
    const ask = async ({ key, signal }) => {
      try {
        // The SDK's own retries are off: they would send again without the look-up.
        return await client.create(request, { maxRetries: 0, metadata: { key }, signal });
      } catch (error) {
        const answer = error.status === 429 ? await client.find(key) : undefined;
        if (answer === undefined) throw error;
        return answer;
      }
    };
    const key = keyOf(request);
    // Three callers, so that two can join.
    await Promise.all([once(key, ask), once(key, ask), once(key, ask)]);
    await once.close();
  },
});
