/**
 * A crash during a call: `node examples/once/crash.mjs`
 *
 * A process sends a request and is killed before the answer arrives. A second process has the same
 * work to do. The record is in an LMDB database, which outlives both. When the first process has not
 * renewed its lease for `leaseMs`, the second one asks the provider what happened to the request.
 */
import { fork } from 'node:child_process';
import { once as untilEvent } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { keyOf } from 'samekey';
import { createOnce } from 'samekey/once';
import { lmdbStore } from 'samekey/store/lmdb';
import { createClient } from './client.mjs';
import { compare } from './compare.mjs';

const request = {
  model: 'm',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Refund order 7.' }],
};

const workers = {
  async 'without samekey:'(url) {
    await createClient(url).create(request);
  },

  async 'with samekey:'(url, folder) {
    const client = createClient(url);
    const key = keyOf(request);
    const once = createOnce({
      store: lmdbStore({ path: folder }),
      leaseMs: 1000,
      async onUnknown() {
        const answer = await client.find(key);
        return answer === undefined ? 'retry' : { value: answer };
      },
    });
    await once(key, () => client.create(request, { maxRetries: 0, metadata: { key } }));
    await once.close();
  },
};

/** Runs this file in another process. */
const start = (name, url, folder) =>
  fork(fileURLToPath(import.meta.url), [name, url, folder], { stdio: 'inherit' });

function crashed(name) {
  return async (url, folder, provider) => {
    const first = start(name, url, folder);
    while (provider.billedCount() === 0) await sleep(5);
    first.kill('SIGKILL');
    await untilEvent(first, 'exit');

    const [code] = await untilEvent(start(name, url, folder), 'exit');
    if (code !== 0) throw new Error(`the second process ended with ${code}`);
  };
}

const [name, url, folder] = process.argv.slice(2);
if (name !== undefined) {
  await workers[name](url, folder);
} else {
  // The first answer is late enough for the kill to come first.
  const names = Object.keys(workers);
  await compare(['late'], Object.fromEntries(names.map((each) => [each, crashed(each)])));
}
