import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { deep } from '../depth.js';
import { random } from '../runtime/random.js';
import { KeptClient } from '../servers/kept-client.js';
import { ended } from '../servers/process.js';

const PROGRAM = fileURLToPath(new URL('ending.mjs', import.meta.url));
const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const CLIENTS = 40;

/** Returns how many requests of clients with kept connections were answered, and how many not, while a server ends. */
async function countAnswers(seed: number) {
  const rng = random(seed);
  const child = fork(PROGRAM, [], { execArgv: [] });
  const [{ port }] = await once(child, 'message');
  // The server ends in the middle of the requests, each time after another one.
  const endsAfter = 2 * CLIENTS + Math.floor(rng() * CLIENTS);
  let answered = 0;
  let unanswered = 0;
  const work = async (name: number) => {
    const client = new KeptClient(`http://127.0.0.1:${port}`);
    await client.connected;
    for (let count = 1; ; count++) {
      await soon(rng() * 15);
      if (client.isClosed) return;
      client.send('{}', 'POST', `idempotency-key: ${name}-${count}\r\n`);
      await client.untilResponses(count);
      const response = client.responses()[count - 1];
      if (response === undefined) unanswered++;
      else {
        if (++answered === endsAfter) child.kill('SIGTERM');
        if (!/^connection: close$/im.test(response.head)) continue;
      }
      client.end();
      return;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, name) => work(name)));
  // If all connections broke before, nobody has ended it.
  if (answered < endsAfter) child.kill('SIGKILL');
  await ended(child);
  return { answered, unanswered, endsAfter };
}

it.each(deep([1], [1, 2, 3]))(
  'a server that ends as documented resets no connection (round %i)',
  async (seed) => {
    const { answered, unanswered, endsAfter } = await countAnswers(seed);
    expect(unanswered).toBe(0);
    expect(answered).toBeGreaterThanOrEqual(endsAfter);
  },
);
