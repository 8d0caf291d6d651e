import { describe, expect, it } from 'vitest';
import { ItemKeys } from '../../src/batch/item.js';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { type IdentityLike, identities } from '../../src/index.js';
import { idempotency } from '../../src/once/index.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

const SEED = '4944116822809979520';
/** The same double. */
const OTHER = '4944116822809979521';

/** Every entry point that takes bodies, as a function that gives equal texts for equal bodies. */
const entryPoints: Record<string, (identity?: IdentityLike) => (body: string) => Promise<string>> =
  {
    fetch(identity) {
      const fetch = idempotentFetch({
        store: memoryStore(),
        fetch: async () => Response.json({}),
        ...(identity && { identity }),
      });
      return async (body) => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch('https://api.example/v1', { method: 'POST', headers, body });
        return response.headers.get('samekey-key') as string;
      };
    },
    server(identity) {
      let runs = 0;
      const handler = idempotent(async () => Response.json({ run: ++runs }), {
        store: memoryStore(),
        deriveKey: true,
        ...(identity && { identity }),
      });
      return async (body) => {
        const headers = { 'content-type': 'application/json', 'x-api-key': 'a' };
        const request = new Request('https://shop.example/', { method: 'POST', headers, body });
        return (await handler(request)).text();
      };
    },
    batch: (identity = {}) => {
      const keys = new ItemKeys('openai', identity);
      return async (body) => keys.ofJson(body, '/v1/responses');
    },
    'idempotency(config)': (identity) => {
      const { keyOfJson } = idempotency(
        identity === undefined ? {} : { presets: ['openai'], excludedFields: [] },
      );
      return async (body) => keyOfJson(body);
    },
  };

describe.each(Object.entries(entryPoints))('an int64 in a body: %s', (_, make) => {
  it('does not depend on the order of members and white space', async () => {
    const ask = make();
    const first = await ask(`{"model":"m","seed":${SEED}}`);
    expect(await ask(`{ "seed" : ${SEED}, "model": "m" }`)).toBe(first);
    expect(await ask(`{"model":"m","seed":${OTHER}}`)).not.toBe(first);
  });

  it('leaves room for an identity', async () => {
    const ask = make(identities.openai);
    const first = await ask(`{"model":"m","seed":${SEED},"service_tier":"auto"}`);
    expect(await ask(`{"service_tier":"flex","model":"m","seed":${SEED}}`)).toBe(first);
    expect(await ask(`{"service_tier":"flex","model":"m","seed":${OTHER}}`)).not.toBe(first);
  });
});

it('an identity may refuse or round them', async () => {
  const fetch = entryPoints.fetch as NonNullable<(typeof entryPoints)['fetch']>;
  const bodies = [SEED, OTHER].map((seed) => `{"seed":${seed}}`) as [string, string];
  const rounding = fetch({ bigNumbers: 'double' });
  expect(await rounding(bodies[0])).toBe(await rounding(bodies[1]));
  // Then such a body counts by its bytes.
  const refusing = fetch({ bigNumbers: 'error' });
  expect(await refusing(bodies[0])).not.toBe(await refusing(bodies[1]));
  expect(await refusing(bodies[0])).not.toBe(await refusing(`${bodies[0]} `));
});
