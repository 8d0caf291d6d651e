import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';

/** Sends one request for each set of headers, and returns the keys that the requests got. */
async function keysOf(...requests: readonly Record<string, string>[]) {
  const fetch = idempotentFetch({ store: memoryStore(), fetch: async () => Response.json({}) });
  const keys: (string | null)[] = [];
  for (const headers of requests) {
    const init = { method: 'POST', headers, body: '{}' };
    const response = await fetch('https://api.example/v1', init);
    keys.push(response.headers.get('samekey-key'));
  }
  return keys;
}

describe.each([
  ['accept', '*/*', 'text/event-stream', 'application/json'],
  ['accept-language', '*', 'de', 'en'],
])('the header %s', (name, anything, first, second) => {
  it(`with the value ${anything} is the same as no header`, async () => {
    const [without, withAnything] = await keysOf({}, { [name]: anything });
    expect(without).toMatch(/^ik_/);
    expect(withAnything).toBe(without);
  });

  it('with two other values makes two requests', async () => {
    const keys = await keysOf({}, { [name]: first }, { [name]: second });
    expect(new Set(keys).size).toBe(3);
  });
});
