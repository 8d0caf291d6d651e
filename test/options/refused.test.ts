import { describe, expect, it } from 'vitest';
import { idempotencyMiddleware } from '../../src/ai-sdk/ai-sdk.js';
import {
  createBatch,
  dropBatch,
  planBatch,
  recordResults,
  resultsOf,
} from '../../src/batch/batch.js';
import { dropOptions } from '../../src/batch/options.js';
import { priceTable } from '../../src/cost/cost.js';
import { priceOptions } from '../../src/cost/options.js';
import { idempotentFetch, retryBudget, withRetry } from '../../src/fetch/fetch.js';
import { idempotentTools } from '../../src/mcp/mcp.js';
import { createOnce, encryptedCodec, idempotency, onceTool } from '../../src/once/index.js';
import type { OptionSpec, OptionSpecs } from '../../src/options/spec.js';
import { createPool } from '../../src/pool/pool.js';
import { expressIdempotency } from '../../src/server/express.js';
import { fastifyIdempotency } from '../../src/server/fastify.js';
import { honoIdempotency } from '../../src/server/hono.js';
import { koaIdempotency } from '../../src/server/koa.js';
import { lambdaIdempotency } from '../../src/server/lambda.js';
import { IdempotencyModule } from '../../src/server/nestjs.js';
import { idempotent } from '../../src/server/web.js';
import { storeConformance } from '../../src/store/conformance.js';
import { durableObjectStore } from '../../src/store/durable-object.js';
import { dynamoDbStore } from '../../src/store/dynamodb.js';
import { lmdbStore } from '../../src/store/lmdb.js';
import { memoryStore } from '../../src/store/memory.js';
import { mysqlStore } from '../../src/store/mysql.js';
import { postgresStore } from '../../src/store/postgres.js';
import { redisStore } from '../../src/store/redis.js';
import { sqliteStore } from '../../src/store/sqlite.js';
import { upstashStore } from '../../src/store/upstash.js';

const script = new URL('tables.mjs', import.meta.url);
const { readSpecs }: { readSpecs(): Promise<Record<string, OptionSpecs>> } = await import(
  script.href
);
const all = await readSpecs();

const store = memoryStore();
const handler = async () => new Response();
const batch = { key: '', items: [], provider: 'openai' } as never;
const api = { create: async () => ({ id: '' }) };

/** Each function that takes options, with those that it requires. */
const MAKERS: Readonly<
  Record<string, readonly [required: object, make: (given: never) => unknown]>
> = {
  createOnce: [{ store }, createOnce],
  encryptedCodec: [{ keys: [{ id: 'a', key: new Uint8Array(32) }] }, encryptedCodec],
  onceTool: [{}, (given) => onceTool('tool', handler, given)],
  idempotency: [{}, idempotency],
  idempotentFetch: [{ store }, idempotentFetch],
  withRetry: [{}, (given) => withRetry(fetch, given)],
  retryBudget: [{}, retryBudget],
  idempotent: [{ store }, (given) => idempotent(handler, given)],
  honoIdempotency: [{ store }, honoIdempotency],
  expressIdempotency: [{ store }, expressIdempotency],
  fastifyIdempotency: [{ store }, fastifyIdempotency],
  koaIdempotency: [{ store }, koaIdempotency],
  lambdaIdempotency: [{ store }, (given) => lambdaIdempotency(handler, given)],
  IdempotencyModule: [{ store }, (given) => IdempotencyModule.forRoot(given)],
  idempotencyMiddleware: [{ store }, idempotencyMiddleware],
  idempotentTools: [{ store }, idempotentTools],
  handler: [{}, (given) => idempotentTools({ store }).handler('tool', handler, given)],
  memoryStore: [{}, memoryStore],
  durableObjectStore: [{ namespace: { idFromName() {}, get() {} } }, durableObjectStore],
  lmdbStore: [{ path: '/nowhere' }, lmdbStore],
  sqliteStore: [{ database: {} }, sqliteStore],
  redisStore: [{ client: {} }, redisStore],
  mysqlStore: [{ pool: {} }, mysqlStore],
  upstashStore: [{ client: {} }, upstashStore],
  postgresStore: [{ pool: {} }, postgresStore],
  dynamoDbStore: [{ client: {} }, dynamoDbStore],
  storeConformance: [{ open: () => store }, storeConformance],
  createPool: [{}, createPool],
  jsonLines: [{}, (given) => createPool().jsonLines(new Blob(), given)],
  planBatch: [{ store, provider: 'openai' }, (given) => planBatch([], given)],
  createBatch: [{ store }, (given) => createBatch(batch, api, given)],
  recordResults: [{ store }, (given) => recordResults([], given)],
  resultsOf: [{ store }, (given) => resultsOf({} as never, given).next()],
  dropBatch: [{ store }, (given) => dropBatch('', given)],
  priceTable: [{ prices: {} }, priceTable],
};

/** The error that a function throws, or that its promise is rejected with. */
async function refusal(make: (given: never) => unknown, options: object) {
  try {
    await make(options as never);
  } catch (error) {
    return error as Error & { readonly code?: string };
  }
  return undefined;
}

const CODE = /^SAMEKEY_BAD_(?:ARGUMENT|CONFIG|SCOPE|IDENTITY)$/;

/** Values out of the bounds of a number. */
const outOfRange = ({ kind, min = 0, max = Number.MAX_SAFE_INTEGER }: OptionSpec) => [
  min - 1,
  max + 1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  ...(kind === 'number' ? [] : [min + 0.5]),
];

/** What `redisStore`, `mysqlStore` and `postgresStore` check themselves, by calling it. */
const CLIENTS: ReadonlySet<string> = new Set(['client', 'pool']);

/** The options of functions that have no table in docs/. */
const WITHOUT_TABLE: Readonly<Record<string, OptionSpecs>> = {
  dropBatch: dropOptions,
  priceTable: priceOptions,
};

/** The middleware of every framework has the options of `idempotent`. */
function specsOf(maker: string): OptionSpecs {
  const name = /Idempotency(?:Module)?$/.test(maker) ? 'idempotent' : maker;
  const specs = all[name] ?? WITHOUT_TABLE[name];
  if (specs === undefined) throw new Error(`tables.mjs does not have the options of ${maker}`);
  return specs;
}

it('every function that has a table of options is tested', () => {
  // The flags of a program. test/cli tests them.
  const { PROXY_FLAGS, proxy, ...functions } = all;
  expect(Object.keys(functions).filter((name) => !(name in MAKERS))).toEqual([]);
});

describe.each(Object.entries(MAKERS))(
  '%s refuses, when it is called,',
  (maker, [required, make]) => {
    const specs = specsOf(maker);

    it('an option that does not exist, and names all that do', async () => {
      const error = await refusal(make, { ...required, zzzzzzzzzzzz: 1 });
      expect(error).toBeInstanceOf(TypeError);
      expect(error?.code).toBe('SAMEKEY_BAD_ARGUMENT');
      expect(error?.message).toMatch(
        /^Cannot use the .*: there is no member "zzzzzzzzzzzz", only /,
      );
      for (const name of Object.keys(specs)) expect(error?.message).toContain(name);
    });

    it.each(Object.keys(specs).filter((name) => name.length > 3))(
      'a misspelled %s, and suggests it',
      async (name) => {
        const wrong = name.slice(0, -2) + name.slice(-1);
        const error = await refusal(make, { ...required, [wrong]: 1 });
        expect(error?.message).toContain(`(did you mean "${name}"?)`);
      },
    );

    it.each(Object.keys(specs).filter((name) => !CLIENTS.has(name)))(
      '%s of a wrong type',
      async (name) => {
        for (const value of [Symbol('wrong'), null]) {
          const error = await refusal(make, { ...required, [name]: value });
          expect(error?.code).toMatch(CODE);
          expect(error).toBeInstanceOf(TypeError);
        }
      },
    );

    it.each(Object.entries(specs).filter(([, { min }]) => min !== undefined))(
      '%s out of range',
      async (name, spec) => {
        for (const value of outOfRange(spec)) {
          const error = await refusal(make, { ...required, [name]: value });
          expect(error?.code).toMatch(CODE);
          expect(error).toBeInstanceOf(RangeError);
          expect(error?.message).toContain(`${name} is ${value}, wanted ${spec.wanted}`);
        }
      },
    );

    it.each(Object.entries(specs).filter(([, { words }]) => words !== undefined))(
      '%s of an unknown word',
      async (name, spec) => {
        const error = await refusal(make, { ...required, [name]: 'no such word' });
        expect(error?.code).toMatch(CODE);
        expect(error).toBeInstanceOf(RangeError);
        expect(error?.message).toContain(`${name} is "no such word", wanted ${spec.wanted}`);
      },
    );
  },
);

it.each(['createOnce', 'idempotentFetch', 'idempotent', 'idempotencyMiddleware'])(
  '%s accepts each option at both of its bounds',
  async (maker) => {
    const [required, make] = MAKERS[maker] as (typeof MAKERS)[string];
    for (const [name, spec] of Object.entries(specsOf(maker))) {
      for (const value of [spec.default, spec.min, spec.max]) {
        if (name === 'store' || value === undefined) continue;
        expect(await refusal(make, { ...required, [name]: value })).toBeUndefined();
      }
    }
  },
);
