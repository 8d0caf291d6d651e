/**
 * A retry loop whose key is derived once: `node examples/retry-loop.mjs`
 *
 * Three attempts, one key, so that a provider that honours the key does the work once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf } from 'samekey';
import { startProvider } from './provider/provider.mjs';

const MAX_ATTEMPTS = 5;
const TIMEOUT_MS = 1000;

async function callWithRetries(url, request) {
  // Before the loop: a key made inside it would differ for each attempt.
  const key = keyOf(request, { scope: 'examples/retry-loop' });

  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    console.log(`attempt ${attempt}  Idempotency-Key: ${key}`);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(request),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.ok) {
        const replayed = response.headers.get('idempotent-replayed') === 'true';
        console.log(`           ${response.status}${replayed ? ', replayed' : ''}`);
        return await response.json();
      }
      console.log(`           ${response.status} ${response.statusText}`);
      if (response.status !== 429 && response.status < 500) break;
      await sleep(Number(response.headers.get('retry-after-ms') ?? 100));
    } catch (error) {
      // It is unknown whether the work was done. The key is for this case.
      console.log(`           no answer: ${error.message}`);
    }
  }
  throw new Error(`no answer to ${key}`);
}

// First it is too busy, then it does the work but answers too late, then it answers in time.
const provider = await startProvider({ moods: ['429:50', 'late:5000'], honoursKeys: true });
try {
  const answer = await callWithRetries(`${provider.url}/v1/messages`, {
    model: 'claude-sonnet-4-5',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Book the 18:37 to Chur.' }],
  });
  console.log(`\n${answer.content[0].text}`);
  const keys = provider.requests.map(({ headers }) => headers['idempotency-key']);
  console.log(
    `The provider got ${keys.length} requests with ${new Set(keys).size} key ` +
      `and did the work ${provider.billedCount()} time.`,
  );
} finally {
  provider.stop();
}
