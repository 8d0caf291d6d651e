/**
 * A provider that honours the Idempotency-Key header, on a bad day: too busy for the first request,
 * done with the second one's work but never answering, well again from the third on.
 */
import { createServer } from 'node:http';

/** Starts it on a free port of this machine. */
export async function startFakeProvider() {
  const answers = new Map();
  const keysSeen = [];
  let workCount = 0;

  const server = createServer(async (request, response) => {
    const key = request.headers['idempotency-key'];
    keysSeen.push(key);
    let body = '';
    for await (const chunk of request) body += chunk;

    if (keysSeen.length === 1) {
      response.writeHead(429, { 'retry-after-ms': '50' }).end();
      return;
    }
    const isReplay = answers.has(key);
    if (!isReplay) {
      workCount++;
      const { messages } = JSON.parse(body);
      answers.set(key, `An answer to: ${messages.at(-1).content}`);
    }
    // The work is done and will be billed; nobody is told.
    if (keysSeen.length === 2) return;
    response.writeHead(200, { 'idempotent-replayed': String(isReplay) }).end(answers.get(key));
  });

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1/messages`,
    keysSeen,
    workCount: () => workCount,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
