import { expect, it } from 'vitest';
import { deep } from '../depth.js';
import { proxy, start, upstream, useProxy } from './scene.js';

useProxy();

const CROWD = deep(500, 2000);

it(`${CROWD} equal concurrent requests share one call`, async () => {
  await start((_, response) => void setTimeout(() => response.end('{"a":1}'), deep(1500, 3000)));
  const post = () =>
    fetch(`${proxy.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"all":1}',
    });
  const answers = await Promise.all(
    Array.from({ length: CROWD }, async () => (await post()).text()),
  );
  expect(new Set(answers)).toEqual(new Set(['{"a":1}']));
  expect(upstream.requests).toHaveLength(1);
  expect(await proxy.metric('samekey_proxy_saved_calls_total')).toBe(CROWD - 1);
  await expect.poll(() => proxy.metric('samekey_proxy_requests_in_flight')).toBe(0);
});
