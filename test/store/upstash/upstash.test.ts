import { Redis, type RedisConfigNodejs } from '@upstash/redis';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { upstashStore } from '../../../src/store/upstash.js';
import { deep } from '../../depth.js';
import { describeWith } from '../../servers/process.js';
import { hasRedis } from '../../servers/redis.js';
import { startUpstash, TOKEN, type Upstash } from '../../servers/upstash.js';

/** With all that the client may do to commands and replies, and with none of it. */
const OPTIONS: Readonly<Record<string, Partial<RedisConfigNodejs>>> = {
  'by default': {},
  'without any convenience': {
    automaticDeserialization: false,
    enableAutoPipelining: false,
    responseEncoding: false,
    readYourWrites: false,
  },
};

describeWith('redis-server', hasRedis, 'the Upstash store', () => {
  let upstash: Upstash;
  beforeAll(async () => {
    upstash = await startUpstash();
  });
  afterAll(() => upstash?.stop());

  for (const [name, options] of Object.entries(OPTIONS).slice(deep(0, 1), deep(1, 2))) {
    describe(`with a client ${name}`, () => {
      const open = () =>
        upstashStore({
          client: new Redis({ url: upstash.url, token: TOKEN, ...options }),
          prefix: `[${name}]`,
        });
      for (const { name: rule, run } of storeConformance({ open, steps: 100 })) {
        it(rule, run);
      }
    });
  }
});
