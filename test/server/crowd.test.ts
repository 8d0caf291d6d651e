import { request } from 'node:http';
import { expect, it } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import { deep } from '../depth.js';
import { FRAMEWORKS } from './frameworks.js';

/** Posts without `fetch`, which is slow with 2000 connections. */
const plainPost = (url: string) =>
  new Promise<string>((resolve, reject) => {
    const headers = { 'idempotency-key': 'many', 'content-type': 'application/json' };
    request(`${url}/orders`, { method: 'POST', headers, agent: false }, async (response) =>
      resolve((await response.setEncoding('utf8').toArray()).join('')),
    )
      .on('error', reject)
      .end('{"item":1}');
  });

const BODY = JSON.stringify({ long: 'x'.repeat(2000) });

// Some frameworks differ from another one by their parser only.
it.each(
  Object.entries(FRAMEWORKS).filter(([name]) => deep(true, !/express 4|koa 2|behind/.test(name))),
)(
  `on %s, ${deep(200, 2000)} concurrent duplicates share one run and receive the same bytes`,
  async (_, start) => {
    let runs = 0;
    const server = await start({ store: memoryStore() }, async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return { headers: { 'content-type': 'application/json' }, body: BODY };
    });
    const texts = await Promise.all(
      Array.from({ length: deep(200, 2000) }, () => plainPost(server.url)),
    );
    expect(new Set(texts)).toEqual(new Set([BODY]));
    expect(runs).toBe(1);
    await server.stop();
  },
);
