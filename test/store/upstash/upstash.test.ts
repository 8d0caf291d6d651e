import { Redis } from '@upstash/redis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { upstashStore } from '../../../src/store/upstash.js';
import { deep } from '../../depth.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis } from '../../servers/redis.js';
import { startUpstash, TOKEN, type Upstash } from '../../servers/upstash.js';

/** What the client may do to commands and replies. */
const OPTIONS = {
  'by default': {},
  'without any convenience': {
    automaticDeserialization: false,
    enableAutoPipelining: false,
    responseEncoding: false,
    readYourWrites: false,
  },
} as const;

describeWith('redis-server', hasRedis, 'the Upstash store', () => {
  let upstash: Upstash;
  beforeAll(async () => {
    upstash = await startUpstash();
  });
  afterAll(() => upstash?.stop());

  for (const [name, options] of Object.entries(OPTIONS).slice(0, deep(1, undefined))) {
    describe(`with a client ${name}`, () => {
      const open = () =>
        upstashStore({
          client: new Redis({ url: upstash.url, token: TOKEN, ...options }),
          prefix: `[${name}]`,
        });
      for (const { name: rule, run } of storeConformance({ open, steps: deep(100, 200) })) {
        it(rule, run);
      }
    });
  }
});
