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

/** Returns how many of 40 clients with kept connections receive no response while a server ends. */
async function unanswered(seed: number): Promise<number> {
  const rng = random(seed);
  const child = fork(PROGRAM, [], { execArgv: [] });
  const [{ port }] = await once(child, 'message');
  let unansweredCount = 0;
  const work = async (name: number) => {
    const client = new KeptClient(`http://127.0.0.1:${port}`);
    await client.connected;
    for (let count = 1; ; count++) {
      await soon(rng() * 15);
      if (client.isClosed) return;
      client.send('{}', 'POST', `idempotency-key: ${name}-${count}\r\n`);
      await client.untilResponses(count);
      const response = client.responses()[count - 1];
      if (response === undefined) unansweredCount++;
      else if (!/^connection: close$/im.test(response.head)) continue;
      client.end();
      return;
    }
  };
  const all = Promise.all(Array.from({ length: 40 }, (_, name) => work(name)));
  await soon(200 + rng() * 50);
  child.kill('SIGTERM');
  await all;
  await ended(child);
  return unansweredCount;
}

it.each(deep([1], [1, 2, 3]))(
  'a server that ends as documented resets no connection (round %i)',
  async (seed) => {
    expect(await unanswered(seed)).toBe(0);
  },
);
