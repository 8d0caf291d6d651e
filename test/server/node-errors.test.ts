import { createServer } from 'node:http';
import express from 'express';
import { expect, it } from 'vitest';
import type { ProblemDetails } from '../../src/response/problem.js';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { listen, post } from './node-server.js';

/** A value of an earlier parser that cannot be read. */
const FAILING = {
  get item(): unknown {
    throw Object.assign(new Error('no item'), { code: 'EITEM' });
  },
};

/** The status of a request whose body was parsed before the middleware, or was not; and what the app noticed. */
async function outcomeOf(
  isParsed: boolean,
  options: { account?: () => string; claim?: Store['claim'] },
  body = '{"item":1}',
) {
  const errors: unknown[] = [];
  const store = memoryStore();
  const { claim, account } = options;
  if (claim !== undefined) store.claim = claim;
  let runCount = 0;
  const app = express();
  const reviver = (_: string, value: unknown) => (value === 7 ? 7n : value === 8 ? FAILING : value);
  const parse = express.json({ strict: false, reviver });
  let original: unknown;
  let isRestored = true;
  app.use((request, _response, next) => {
    original = request.destroy;
    next();
  });
  if (isParsed) app.use(parse);
  app.use(expressIdempotency({ store, maxBodyBytes: 100, ...(account && { account }) }));
  app.post('/', (_request, response) => response.send(String(++runCount)));
  app.use(((error, request, response, _next) => {
    errors.push(error.code);
    isRestored = request.destroy === original;
    response.status(500).end();
  }) as express.ErrorRequestHandler);
  const url = await listen(createServer(app));
  const headers = { 'content-type': 'application/json' };
  const response = await post(url, { body, headers });
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  const { type = '', code }: Partial<ProblemDetails> = isProblem ? await response.json() : {};
  const problem = isProblem ? [type.split('#')[1], code] : undefined;
  return { status: response.status, problem, errors, runCount, isRestored };
}

/** The handler was not called, and its request behaves as Node made it. */
const UNCALLED = { runCount: 0, isRestored: true };

const LONE_SURROGATE = () => '\ud800';

it('a request whose account is no text that a key can have reaches the error handler, parsed or not', async () => {
  const parsed = await outcomeOf(true, { account: LONE_SURROGATE });
  expect(parsed).toEqual({ status: 500, errors: ['SAMEKEY_LONE_SURROGATE'], ...UNCALLED });
  expect(await outcomeOf(false, { account: LONE_SURROGATE })).toEqual(parsed);
});

it('a body that is too long is refused, parsed or not', async () => {
  const body = JSON.stringify({ note: 'x'.repeat(100) });
  const parsed = await outcomeOf(true, {}, body);
  expect(parsed).toEqual({
    status: 413,
    problem: ['body-too-large', 'SAMEKEY_TOO_LONG'],
    errors: [],
    ...UNCALLED,
  });
  expect(await outcomeOf(false, {}, body)).toEqual(parsed);
});

it('a parsed body that is no JSON value is refused, and the handler is not called', async () => {
  expect(await outcomeOf(true, {}, '{"item":7}')).toEqual({
    status: 400,
    problem: ['body-not-comparable', 'SAMEKEY_NOT_JSON'],
    errors: [],
    ...UNCALLED,
  });
});

it('a parsed body that cannot be read reaches the error handler', async () => {
  expect(await outcomeOf(true, {}, '{"order":8}')).toEqual({
    status: 500,
    errors: ['EITEM'],
    ...UNCALLED,
  });
});

it('a store that fails is told to the client, parsed or not', async () => {
  const claim = () => Promise.reject(new Error('down'));
  const parsed = await outcomeOf(true, { claim });
  expect(parsed).toEqual({
    status: 503,
    problem: ['unavailable', 'SAMEKEY_STORE'],
    errors: [],
    ...UNCALLED,
  });
  expect(await outcomeOf(false, { claim })).toEqual(parsed);
});
