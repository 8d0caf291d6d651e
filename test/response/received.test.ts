import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { readReceived } from '../../src/response/arrived.js';
import { memoryStore } from '../../src/store/memory.js';
import { startUpstream } from '../servers/upstream.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const text = (length: number) => JSON.stringify({ text: 'x'.repeat(length - 11) });

/** Sends a body in two pieces, so that the second one does not come with the head. */
function inTwo(response: ServerResponse, body: string, end: () => void) {
  response.write(body.slice(0, body.length / 2));
  setTimeout(() => {
    response.write(body.slice(body.length / 2));
    end();
  }, 20);
}

const BODIES: [string, (response: ServerResponse) => void][] = [
  ['a short body', (response) => response.writeHead(200, JSON_TYPE).end(text(100))],
  ['one of 60 KB', (response) => response.writeHead(200, JSON_TYPE).end(text(60_000))],
  ['one of 300 KB', (response) => response.writeHead(200, JSON_TYPE).end(text(300_000))],
  ['no body', (response) => response.writeHead(204).end()],
  [
    'an empty body',
    (response) => response.writeHead(200, { ...JSON_TYPE, 'content-length': 0 }).end(),
  ],
  [
    'a body without a length',
    (response) =>
      response.writeHead(200, { ...JSON_TYPE, 'transfer-encoding': 'chunked' }).end('{}'),
  ],
  [
    'two pieces',
    (response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': 200 });
      inTwo(response, text(200), () => response.end());
    },
  ],
  [
    'a body that is cut',
    (response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-length': 300 });
      inTwo(response, text(200), () => response.destroy());
    },
  ],
  ['a body that is no JSON', (response) => response.writeHead(200, JSON_TYPE).end('{"a":')],
  ['a failure in it', (response) => response.writeHead(200, JSON_TYPE).end('{"error":"busy"}')],
  ['a failed status', (response) => response.writeHead(500, JSON_TYPE).end('{"a":1}')],
  [
    'events',
    (response) =>
      response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: [DONE]\n\n'),
  ],
];

it.each(BODIES)(
  '%s is the same for a response of the platform and for a copy of it',
  async (_, answer) => {
    const upstream = await startUpstream((_request, response) => answer(response));
    /** A response that says nothing of how it came. */
    const copying = async (input: Request | string | URL, init?: RequestInit) => {
      const response = await globalThis.fetch(input, init);
      const { status, statusText, headers, url, body } = response;
      const copy = new Response(body, { status, statusText, headers });
      return Object.defineProperty(copy, 'url', { value: url });
    };
    const outcomes: unknown[] = [];
    for (const fetch of [undefined, copying]) {
      const store = memoryStore();
      const once = idempotentFetch({ store, ...(fetch && { fetch }) });
      const seen: unknown[] = [];
      for (const way of ['first', 'second']) {
        const response = await once(upstream.url, {
          method: 'POST',
          body: '{}',
          headers: JSON_TYPE,
        });
        const { date: _date, ...headers } = Object.fromEntries(response.headers);
        const body = await response.text().catch((error) => error.code ?? error.name);
        seen.push([way, response.status, headers, body]);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      outcomes.push([seen, upstream.requests.splice(0).length]);
      await once.close();
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    await upstream.stop();
  },
);

it.each([
  ['a short body', true],
  ['no body', true],
  ['an empty body', true],
  ['a body without a length', true],
  ['events', true],
  ['two pieces', false],
  ['a body that is cut', false],
])('%s: that all of it came with its head is %s', async (name, isWhole) => {
  const answer = BODIES.find(([each]) => each === name)?.[1];
  const upstream = await startUpstream((_request, response) => answer?.(response));
  const { body } = await fetch(upstream.url, { method: 'POST', body: '{}' });
  const arrived = await readReceived(body, 1e6);
  expect(arrived.isWhole).toBe(isWhole);
  arrived.cancel();
  await upstream.stop();
});
