import { afterEach, describe, expect, it } from 'vitest';
import { random } from '../runtime/random.js';
import { KeptClient } from '../servers/kept-client.js';
import { startUpstream, type Upstream } from '../servers/upstream.js';
import { type RunningProxy, startProxy } from './program.js';

let upstream: Upstream;
let proxy: RunningProxy;

afterEach(async () => {
  await proxy?.stop('SIGKILL');
  await upstream?.stop();
});

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const CLIENTS = 40;
const seeds = Array.from({ length: Number(process.env.ENDING_ROUNDS ?? 5) }, (_, at) => at + 1);

describe('a client that keeps its connection while the proxy shuts down', () => {
  // A request that is sent at the moment of the signal may be read before or after it.
  it.each(seeds)('gets a response or a refusal for every request (round %i)', async (seed) => {
    const rng = random(seed);
    upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 12 });
      setTimeout(() => response.end('{"answer":1}'), rng() * 20);
    });
    proxy = await startProxy(new URL(upstream.url).origin);
    // The proxy ends in the middle of the requests, each time after another one.
    const endsAfter = 2 * CLIENTS + Math.floor(rng() * CLIENTS);
    let answeredCount = 0;
    let unansweredCount = 0;
    const work = async (name: number) => {
      const client = new KeptClient(proxy.url);
      await client.connected;
      for (let count = 1; ; count++) {
        await soon(rng() * 15);
        if (client.isClosed) return;
        client.send(`{"name":${name},"count":${count}}`, rng() < 0.8 ? 'POST' : 'PUT');
        await client.untilResponses(count);
        const response = client.responses()[count - 1];
        if (response === undefined) {
          unansweredCount++;
          return;
        }
        if (++answeredCount === endsAfter) proxy.child.kill('SIGTERM');
        const isLast = /^connection: close$/im.test(response.head);
        if (response.status === 503) {
          expect(isLast).toBe(true);
          expect(response.head).toMatch(/^retry-after: 1$/im);
          expect(response.head).toMatch(/^content-type: application\/problem\+json$/im);
          expect(response.body).toContain('SAMEKEY_CLOSED');
        } else expect(response.status).toBe(200);
        if (isLast) {
          client.end();
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, (_, name) => work(name)));
    expect(unansweredCount).toBe(0);
    expect(answeredCount).toBeGreaterThanOrEqual(endsAfter);
    expect(await proxy.ended).toBe(0);
    expect(proxy.log.some(({ msg }) => msg.startsWith('cut off'))).toBe(false);
  });
});
