import { describe, expect, it } from 'vitest';
import { proxy, start, upstream, useProxy } from './scene.js';

useProxy();

const begin = (...args: string[]) =>
  start(
    ({ count }, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ count }));
    },
    ...args,
  );

/** Returns what the proxy says of a request. */
async function outcomeOf(path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${proxy.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  await response.text();
  return response.headers.get('samekey');
}

describe('--ignore-header', () => {
  const ask = (attempt: string) => outcomeOf('/v1/messages', { model: 'm' }, { 'x-try': attempt });

  it('makes requests equal that differ in this header, and only then', async () => {
    await begin('--ignore-header', 'X-Try');
    expect([await ask('1'), await ask('2')]).toEqual(['executed', 'replayed']);
    expect(await outcomeOf('/v1/messages', { model: 'm' }, { 'x-other': '1' })).toBe('executed');
    expect(upstream.requests.length).toBe(2);
  });

  it('may be left out: then each header counts', async () => {
    await begin();
    expect([await ask('1'), await ask('2')]).toEqual(['executed', 'executed']);
  });
});

describe('--provider-state', () => {
  const ask = () => outcomeOf('/v1/responses', { model: 'm', previous_response_id: 'r' });

  it.each([
    [[], ['executed', 'executed']],
    [
      ['--provider-state', 'join'],
      ['executed', 'executed'],
    ],
    [
      ['--provider-state', 'store'],
      ['executed', 'replayed'],
    ],
    [
      ['--provider-state', 'pass'],
      [null, null],
    ],
  ])('%j decides about the next turn of a conversation', async (args, outcomes) => {
    await begin(...args);
    expect([await ask(), await ask()]).toEqual(outcomes);
    expect(upstream.requests.length).toBe(outcomes[1] === 'replayed' ? 1 : 2);
    const logged = outcomes.map((outcome) => outcome ?? 'passed');
    await expect.poll(() => proxy.outcomes()).toEqual(logged);
  });
});
