/**
 * A provider on a bad day. It bills every request whose work it does, whatever key came with it, as
 * those of language models do; and how it answers, if it does, was decided when it was started.
 */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long it works on an answer; and the same when it is late. */
const WORK_MS = 50;
const LATE_MS = 2500;

/**
 * What happens to a request:
 *
 * - `answer`: its work is done, billed, and the answer sent;
 * - `late`: the same, when many have given up;
 * - `refuse`: done and billed, and then the answer is 429, because with this one the limit is passed;
 * - `lose`: done and billed, and then the connection breaks;
 * - `hang`: nothing is done and nothing is said.
 *
 * @typedef {'answer' | 'late' | 'refuse' | 'lose' | 'hang'} Mood
 */

/**
 * Starts it on a free port of this machine.
 *
 * @param {...Mood} moods of the first requests, in turn; `answer` for all after them
 */
export async function startProvider(...moods) {
  /** By the key that a request had in its metadata: what can be asked for afterwards. */
  const answers = new Map();
  let requestCount = 0;
  let billedCount = 0;

  const server = createServer(async (request, response) => {
    const [, key] = /^\/v1\/answers\/(.+)$/.exec(request.url) ?? [];
    if (key !== undefined) {
      const found = answers.get(key);
      response.writeHead(found ? 200 : 404).end(JSON.stringify(found ?? {}));
      return;
    }
    let body = '';
    for await (const chunk of request) body += chunk;
    const mood = moods[requestCount++] ?? 'answer';
    if (mood === 'hang') return;

    billedCount++;
    const { messages, metadata } = JSON.parse(body);
    const answer = { id: `answer-${billedCount}`, text: `Done: ${messages.at(-1).content}` };
    if (metadata?.key) answers.set(metadata.key, answer);
    await sleep(mood === 'late' ? LATE_MS : WORK_MS);
    if (mood === 'lose') request.socket.destroy();
    else if (mood === 'refuse') response.writeHead(429, { 'retry-after-ms': '20' }).end();
    else response.end(JSON.stringify(answer));
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    billedCount: () => billedCount,
    /** What the examples are about. */
    summary: () =>
      `the provider saw ${requestCount} ${requestCount === 1 ? 'call' : 'calls'} and billed ${billedCount}`,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
