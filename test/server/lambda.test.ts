import type {
  ALBEvent,
  ALBHandler,
  ALBResult,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyHandler,
  APIGatewayProxyHandlerV2,
  Context,
  LambdaFunctionURLEvent,
  LambdaFunctionURLHandler,
} from 'aws-lambda';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { OnceEvent } from '../../src/once/index.js';
import {
  type LambdaEventLike,
  type LambdaResponse,
  lambdaIdempotency,
} from '../../src/server/lambda.js';
import { memoryStore } from '../../src/store/memory.js';
import { but } from '../once/scene.js';

/** A request, as a client sends it. */
interface Sent {
  readonly key?: string;
  readonly body?: string | Uint8Array;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const bodyOf = ({ body = '{"amount":10}' }: Sent) =>
  typeof body === 'string'
    ? { body, isBase64Encoded: false }
    : { body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
const headersOf = ({ key = 'order-7', headers }: Sent) => ({
  'Content-Type': 'application/json',
  Host: 'shop.example.com',
  'X-Forwarded-For': '192.0.2.1',
  ...(key && { 'Idempotency-Key': key }),
  ...headers,
});
const lower = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
const several = <T>(values: Record<string, T>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, [value]]));
const queryOf = ({ query = '' }: Sent) => new URLSearchParams(query);
const single = (sent: Sent) => Object.fromEntries(queryOf(sent));
const multiple = (sent: Sent) => {
  const found: Record<string, string[]> = {};
  for (const [name, value] of queryOf(sent)) found[name] = [...(found[name] ?? []), value];
  return found;
};
const orNull = <T extends object>(value: T) => (Object.keys(value).length === 0 ? null : value);

const IDENTITY = { sourceIp: '192.0.2.1', userAgent: 'curl/8.5.0' };

// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
const rest = (sent: Sent = {}) =>
  ({
    resource: '/charges',
    path: '/charges',
    httpMethod: 'POST',
    headers: headersOf(sent),
    multiValueHeaders: several(headersOf(sent)),
    queryStringParameters: orNull(single(sent)),
    multiValueQueryStringParameters: orNull(multiple(sent)),
    pathParameters: null,
    stageVariables: null,
    requestContext: {
      resourceId: '123456',
      resourcePath: '/charges',
      httpMethod: 'POST',
      extendedRequestId: 'JKJaXmPLvHcESHA=',
      requestTime: '10/Mar/2020:00:03:59 +0000',
      path: '/test/charges',
      accountId: '123456789012',
      protocol: 'HTTP/1.1',
      stage: 'test',
      requestTimeEpoch: 1583798639428,
      requestId: crypto.randomUUID(),
      identity: IDENTITY,
      apiId: '70ixmpl4fl',
    },
    ...bodyOf(sent),
  }) as unknown as APIGatewayProxyEvent;

// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
const http = ({ headers, ...sent }: Sent = {}) => {
  const { cookie, ...others } = headers ?? {};
  return {
    version: '2.0',
    routeKey: 'POST /charges',
    rawPath: '/charges',
    rawQueryString: sent.query ?? '',
    ...(cookie && { cookies: cookie.split('; ') }),
    headers: lower(headersOf({ ...sent, headers: others })),
    ...(sent.query && { queryStringParameters: single(sent) }),
    requestContext: {
      accountId: '123456789012',
      apiId: 'api-id',
      domainName: 'id.execute-api.us-east-1.amazonaws.com',
      domainPrefix: 'id',
      http: { method: 'POST', path: '/charges', protocol: 'HTTP/1.1', ...IDENTITY },
      requestId: crypto.randomUUID(),
      routeKey: 'POST /charges',
      stage: '$default',
      time: '12/Mar/2020:19:03:58 +0000',
      timeEpoch: 1583348638390,
    },
    ...bodyOf(sent),
  } as unknown as APIGatewayProxyEventV2;
};

// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
const functionUrl = (sent: Sent = {}) =>
  ({
    ...http(sent),
    routeKey: '$default',
    requestContext: {
      ...http(sent).requestContext,
      apiId: 'abcdefg',
      domainName: 'abcdefg.lambda-url.us-west-2.on.aws',
      routeKey: '$default',
    },
  }) as unknown as LambdaFunctionURLEvent;

// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
const ELB = {
  elb: {
    targetGroupArn:
      'arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/g/6d0ecf831eec9f09',
  },
};
const loadBalancer = (sent: Sent = {}): ALBEvent => ({
  requestContext: ELB,
  httpMethod: 'POST',
  path: '/charges',
  queryStringParameters: single(sent),
  headers: lower(headersOf(sent)),
  ...bodyOf(sent),
});
const loadBalancerOfMany = (sent: Sent = {}): ALBEvent => ({
  requestContext: ELB,
  httpMethod: 'POST',
  path: '/charges',
  multiValueQueryStringParameters: multiple(sent),
  multiValueHeaders: several(lower(headersOf(sent))),
  ...bodyOf(sent),
});

const EVENTS: Readonly<Record<string, (sent?: Sent) => LambdaEventLike>> = {
  'a REST API': rest,
  'an HTTP API': http,
  'a function URL': functionUrl,
  'a load balancer': loadBalancer,
  'a load balancer with multi-value headers': loadBalancerOfMany,
};

/** Lambda's context, of which the adapter uses one function. */
const contextOf = (leftMs: number) => ({ getRemainingTimeInMillis: () => leftMs }) as Context;
const CONTEXT = contextOf(29_990);

/** The header of a response, in each format. */
function headerOf({ headers, multiValueHeaders, cookies }: LambdaResponse, name: string) {
  const found = Object.entries({ ...headers, ...multiValueHeaders }).find(
    ([each]) => each.toLowerCase() === name,
  )?.[1];
  return found ?? (name === 'set-cookie' ? cookies : undefined);
}

/** A handler for all kinds of events, which counts its runs. */
function counting(
  respond: (count: number) => unknown = (count) => ({ statusCode: 201, body: `${count}` }),
) {
  const store = memoryStore();
  const state = { runs: 0 };
  const handler = lambdaIdempotency(() => respond(++state.runs), { store });
  return { handler, state, store };
}

describe.each(Object.entries(EVENTS))('a request of %s', (kind, event) => {
  it('runs once for duplicates at the same time, and is replayed', async () => {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let runs = 0;
    const handler = lambdaIdempotency(
      async () => {
        runs++;
        await released;
        return { statusCode: 201, headers: { Location: '/charges/1' }, body: '{"charge":1}' };
      },
      { store: memoryStore() },
    );
    const all = Array.from({ length: 20 }, () => handler(event(), CONTEXT));
    await expect.poll(() => runs).toBe(1);
    release();
    all.push(handler(event(), CONTEXT));
    const answers = await Promise.all(all);
    answers.push(await handler(event(), CONTEXT));
    expect(runs).toBe(1);
    for (const { statusCode, body, isBase64Encoded = false } of answers) {
      expect([statusCode, body, isBase64Encoded]).toEqual([201, '{"charge":1}', false]);
    }
    const outcomes = answers.map((each) => String(headerOf(each, 'samekey')));
    expect(outcomes.filter((each) => each === 'executed')).toHaveLength(1);
    expect(outcomes.at(-1)).toBe('replayed');
    expect(answers.map((each) => String(headerOf(each, 'location')))).toEqual(
      answers.map(() => '/charges/1'),
    );
  });

  it('refuses another body or query under the key, and takes them under another', async () => {
    const { handler } = counting();
    await handler(event({ query: 'a=1&a=2&b=%2F' }), CONTEXT);
    const statuses = async (...all: Sent[]) => {
      const found: number[] = [];
      for (const sent of all) found.push((await handler(event(sent), CONTEXT)).statusCode);
      return found;
    };
    const query = 'a=1&a=2&b=%2F';
    expect(
      await statuses(
        { query },
        { query, body: '{ "amount": 1e1 }' },
        { query, body: '{"amount":11}' },
        {},
        { query: 'a=1&a=3&b=%2F' },
        { query, key: 'order-8' },
      ),
    ).toEqual([201, 201, 422, 422, 422, 201]);
    const problem = await handler(event({ body: '{}' }), CONTEXT);
    expect(String(headerOf(problem, 'content-type'))).toBe('application/problem+json');
    expect(JSON.parse(problem.body).code).toBe('SAMEKEY_MISMATCH');
  });

  it('passes without a key, and gives the handler the event and the context', async () => {
    const seen: unknown[] = [];
    const answer = { statusCode: 200, body: 'as it is' };
    const handler = lambdaIdempotency(
      (...all) => {
        seen.push(...all);
        return answer;
      },
      { store: memoryStore() },
    );
    const [plain, keyed] = [event({ key: '' }), event()];
    expect(await handler(plain, CONTEXT)).toBe(answer);
    await handler(keyed, CONTEXT);
    expect(seen).toEqual([plain, CONTEXT, keyed, CONTEXT]);
    expect(seen[0]).toBe(plain);
    expect(seen[2]).toBe(keyed);
  });

  it('compares and replays bytes', async () => {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00]);
    const { handler, state } = counting(() => ({
      statusCode: 200,
      headers: { 'Content-Type': 'image/png' },
      body: Buffer.from(png).toString('base64'),
      isBase64Encoded: true,
    }));
    const upload = (last: number) =>
      event({ body: new Uint8Array([0xff, last]), headers: { 'Content-Type': 'image/png' } });
    for (const _ of ['executed', 'replayed']) {
      const { body, isBase64Encoded } = await handler(upload(1), CONTEXT);
      expect(isBase64Encoded).toBe(true);
      expect(new Uint8Array(Buffer.from(body, 'base64'))).toEqual(png);
    }
    expect((await handler(upload(2), CONTEXT)).statusCode).toBe(422);
    expect(state.runs).toBe(1);
  });

  it('distinguishes clients by their credentials, and gives cookies to the first one only', async () => {
    const isFormat2 = kind === 'an HTTP API' || kind === 'a function URL';
    const isMultiple = kind === 'a load balancer with multi-value headers' || kind === 'a REST API';
    const cookies = ['a=1; Path=/', 'b=2; Path=/'];
    const { handler } = counting((count) => ({
      statusCode: 200,
      body: `${count}`,
      ...(isFormat2 && { cookies }),
      ...(isMultiple && { multiValueHeaders: { 'Set-Cookie': cookies } }),
      ...(kind === 'a load balancer' && { headers: { 'Set-Cookie': cookies[0] } }),
    }));
    const send = (cookie: string) => handler(event({ headers: { cookie } }), CONTEXT);
    const [ann, again, ben] = [await send('u=ann'), await send('u=ann'), await send('u=ben')];
    expect([ann.body, again.body, ben.body]).toEqual(['1', '1', '2']);
    const seen = headerOf(ann, 'set-cookie');
    expect(seen).toEqual(kind === 'a load balancer' ? cookies[0] : cookies);
    expect(headerOf(again, 'set-cookie')).toBeUndefined();
  });

  it('refuses a new key beyond a limit of the account, and no duplicate', async () => {
    let runs = 0;
    const events: OnceEvent[] = [];
    const handler = lambdaIdempotency(() => ({ statusCode: 201, body: `${++runs}` }), {
      store: memoryStore(),
      limits: { keysPerMinute: 1 },
      onEvent: (each) => events.push(each),
    });
    const anna = { headers: { Authorization: 'Bearer anna' } };
    expect((await handler(event(anna), CONTEXT)).statusCode).toBe(201);
    const refused = await handler(event({ ...anna, key: 'order-8' }), CONTEXT);
    expect(refused.statusCode).toBe(429);
    const seconds = String(headerOf(refused, 'retry-after'));
    expect(seconds).toMatch(/^6[01]$/);
    expect(String(headerOf(refused, 'x-should-retry'))).toBe(String(Number(seconds) <= 60));
    expect(String(headerOf(refused, 'ratelimit-policy'))).toBe('"keysPerMinute";q=1;w=60');
    expect(String(headerOf(refused, 'ratelimit'))).toBe(`"keysPerMinute";r=0;t=${seconds}`);
    expect(String(headerOf(refused, 'content-type'))).toBe('application/problem+json');
    expect(headerOf(refused, 'samekey')).toBeUndefined();
    expect(JSON.parse(refused.body ?? '')).toMatchObject({
      type: expect.stringMatching(/\/docs\/server\.md#limit-reached$/),
      status: 429,
      code: 'SAMEKEY_LIMIT',
    });
    expect(events.filter(({ type }) => type === 'limited')).toMatchObject([
      { limit: 'keysPerMinute' },
    ]);
    // A duplicate gets its response, and another account has a limit of its own.
    const again = await handler(event(anna), CONTEXT);
    expect([again.statusCode, String(headerOf(again, 'samekey'))]).toEqual([201, 'replayed']);
    const ben = { headers: { Authorization: 'Bearer ben' } };
    expect((await handler(event(ben), CONTEXT)).statusCode).toBe(201);
    expect(runs).toBe(2);
  });

  it('gives Lambda the error of the handler, and runs again', async () => {
    const { handler, state } = counting((count) => {
      if (count === 1) throw new Error('the card was declined');
      return { statusCode: 200, body: `${count}` };
    });
    await expect(handler(event(), CONTEXT)).rejects.toThrow('the card was declined');
    expect((await handler(event(), CONTEXT)).body).toBe('2');
    expect(state.runs).toBe(2);
  });

  it('refuses a handler that returns nothing', async () => {
    const { handler } = counting(() => undefined);
    await expect(handler(event(), CONTEXT)).rejects.toMatchObject({
      name: 'TypeError',
      code: 'SAMEKEY_BAD_ARGUMENT',
    });
  });
});

it('replays what a handler of format 2.0 returns without a status', async () => {
  const { handler } = counting((count) => ({ charge: count }));
  const [first, again] = [await handler(http(), CONTEXT), await handler(http(), CONTEXT)];
  for (const { statusCode, headers, body } of [first, again]) {
    expect([statusCode, headers?.['content-type'], body]).toEqual([
      200,
      'application/json',
      '{"charge":1}',
    ]);
  }
});

it('keeps several values of a header, in the formats that have them', async () => {
  const multiValueHeaders = { Vary: ['origin', 'accept'] };
  const { handler } = counting(() => ({ statusCode: 200, multiValueHeaders, body: '' }));
  const own = await handler(rest(), CONTEXT);
  expect(own).toMatchObject({ multiValueHeaders, headers: { samekey: 'executed' } });
  const again = await handler(rest(), CONTEXT);
  expect(again.multiValueHeaders).toEqual({ vary: ['origin', 'accept'] });
  const balanced = await handler(loadBalancerOfMany({ key: 'b' }), CONTEXT);
  expect(balanced.headers).toBeUndefined();
  expect(balanced.multiValueHeaders).toMatchObject({ ...multiValueHeaders, samekey: ['executed'] });
});

it('keeps the reason phrase of a load balancer', async () => {
  const { handler } = counting(() => ({
    statusCode: 201,
    statusDescription: '201 Charged',
    body: '',
  }));
  for (const outcome of ['executed', 'replayed']) {
    expect(await handler(loadBalancer(), CONTEXT)).toMatchObject({
      statusDescription: '201 Charged',
      headers: { samekey: outcome },
    });
  }
});

it('leases a key for the time that is left, and waits for less', async () => {
  const claims: { leaseMs: number }[] = [];
  const memory = memoryStore();
  const store = but(memory, {
    claim(key, request) {
      claims.push(request);
      return memory.claim(key, request);
    },
  });
  const make = (options: object = {}) =>
    lambdaIdempotency(() => ({ statusCode: 200, body: '' }), { store, ...options });
  const handler = make();
  await handler(rest({ key: 'a' }), contextOf(29_990));
  await handler(rest({ key: 'b' }), contextOf(899_001));
  await make({ leaseMs: 7000 })(rest({ key: 'c' }), CONTEXT);
  expect(claims.map(({ leaseMs }) => leaseMs)).toEqual([30_000, 900_000, 7000]);
  expect(handler.stats()).toMatchObject({ executed: 2, replayed: 0 });
});

it('answers a duplicate before its own time is over', async () => {
  let runs = 0;
  const store = memoryStore();
  const handler = () =>
    lambdaIdempotency(
      () => {
        runs++;
        return new Promise(() => {});
      },
      { store },
    );
  void handler()(rest(), contextOf(60_000));
  await expect.poll(() => runs).toBe(1);
  // Another environment.
  const answer = await handler()(rest(), contextOf(1000));
  expect([answer.statusCode, JSON.parse(answer.body).code]).toEqual([409, 'SAMEKEY_IN_PROGRESS']);
});

describe('a store that is slow to take the response', () => {
  const slow = () => {
    const memory = memoryStore();
    let [asked, release] = [false, () => {}];
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const store = but(memory, {
      async complete(...all) {
        asked = true;
        await released;
        return memory.complete(...all);
      },
    });
    const handler = lambdaIdempotency(() => ({ statusCode: 200, body: 'done' }), {
      store,
      storeTimeoutMs: 60_000,
    });
    return { handler, memory, wasAsked: () => asked, release: () => release() };
  };

  it('has it before the answer is given', async () => {
    const { handler, memory, wasAsked, release } = slow();
    const answer = handler(rest(), CONTEXT);
    await expect.poll(wasAsked).toBe(true);
    const state = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 20))]);
    expect(state).toBeUndefined();
    release();
    const { record } = await memory.read(String(headerOf(await answer, 'samekey-key')));
    expect(record?.state).toBe('done');
  });

  it('does not hold the answer back for longer than the invocation lasts', async () => {
    const { handler, release } = slow();
    expect(await handler(rest(), contextOf(600))).toMatchObject({ statusCode: 200, body: 'done' });
    release();
  });
});

it('counts limits, and caches, for all leases of the environment together', async () => {
  let runs = 0;
  const handler = lambdaIdempotency(() => ({ statusCode: 200, body: `${++runs}` }), {
    store: memoryStore(),
    limits: { keysPerMinute: 2 },
  });
  const statuses = [];
  for (const [at, leftMs] of [29_990, 28_990, 9990, 5990].entries()) {
    statuses.push((await handler(rest({ key: `k${at}` }), contextOf(leftMs))).statusCode);
  }
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect(runs).toBe(2);
  expect(handler.stats()).toMatchObject({ cached: 2, executed: 2, limited: 2 });
});

it('evicts from the cache of the environment, and closes', async () => {
  const { handler, state } = counting();
  for (const leftMs of [29_990, 9990]) await handler(rest(), contextOf(leftMs));
  expect(state.runs).toBe(1);
  const answer = await handler(rest(), CONTEXT);
  expect(await handler.evict(String(headerOf(answer, 'samekey-key')))).toBe(true);
  expect((await handler(rest(), contextOf(9990))).body).toBe('2');
  await handler.close();
  expect((await handler(rest({ key: 'b' }), CONTEXT)).statusCode).toBe(503);
});

it.each([
  ['a message of a queue', { Records: [{ body: '{}' }] }],
  ['an event without a path', { httpMethod: 'POST', requestContext: {} }],
  ['nothing', undefined],
])('refuses %s', async (_, event) => {
  const { handler, state } = counting();
  await expect(handler(event as never, CONTEXT)).rejects.toMatchObject({
    name: 'TypeError',
    code: 'SAMEKEY_BAD_ARGUMENT',
  });
  expect(state.runs).toBe(0);
});

it('refuses a body that is larger than maxBodyBytes', async () => {
  const handler = lambdaIdempotency(() => ({ statusCode: 200, body: '' }), {
    store: memoryStore(),
    maxBodyBytes: 10,
  });
  expect((await handler(rest(), CONTEXT)).statusCode).toBe(413);
});

it.each<[string, object, RegExp]>([
  ['nothing', {}, /it is no HTTP request/],
  ['a body that is an object', { body: { a: 1 } }, /its body is an object, wanted text/],
  [
    'a header that is a number',
    { headers: { a: 1 } },
    /its headers is an object, wanted an object/,
  ],
  ['headers that are text', { headers: 'a: 1' }, /its headers is text, wanted an object of texts/],
  ['a list that is text', { multiValueHeaders: { a: 'b' } }, /its multiValueHeaders is/],
  ['a query of numbers', { queryStringParameters: { a: 1 } }, /its queryStringParameters is/],
  ['a query that is no Unicode', { queryStringParameters: { a: '\ud800' } }, /a lone surrogate/],
  ['cookies that are text', { cookies: 'a=1' }, /its cookies is text, wanted a list of texts/],
  ['a method that is a number', { httpMethod: 1 }, /its httpMethod is a number, wanted text/],
])('refuses a test event with %s', async (name, changes, message) => {
  const { handler, state } = counting(() => ({ statusCode: 200, body: '' }));
  const event = { httpMethod: 'POST', path: '/', requestContext: {}, ...changes };
  const given = name === 'nothing' ? changes : event;
  await expect(handler(given as LambdaEventLike, CONTEXT)).rejects.toMatchObject({
    name: 'TypeError',
    code: 'SAMEKEY_BAD_ARGUMENT',
    message: expect.stringMatching(message),
  });
  expect(state.runs).toBe(0);
});

it('takes an event without a context, and null for members that are missing', async () => {
  const { handler, state } = counting((count) => ({ statusCode: 200, body: `${count}` }));
  const nothing = { rawPath: null, rawQueryString: null, cookies: null, requestContext: null };
  const headers = { 'idempotency-key': 'k', 'Idempotency-Key': null };
  const event = { httpMethod: 'POST', path: '/', headers, ...nothing };
  const send = () => handler(event as unknown as LambdaEventLike, CONTEXT);
  expect([(await send()).body, (await send()).body]).toEqual(['1', '1']);
  expect(state.runs).toBe(1);
});

it('fits the types of @types/aws-lambda', () => {
  const store = memoryStore();
  const handle = () => ({ statusCode: 200, body: '' });
  const api: APIGatewayProxyHandler = lambdaIdempotency(
    (event: APIGatewayProxyEvent, _context: Context) => ({ statusCode: 200, body: event.path }),
    { store, account: (event) => event.requestContext.identity.cognitoIdentityId ?? undefined },
  );
  const http: APIGatewayProxyHandlerV2 = lambdaIdempotency(
    (event: APIGatewayProxyEventV2) => ({ path: event.rawPath }),
    { store },
  );
  const url: LambdaFunctionURLHandler = lambdaIdempotency(handle, { store });
  const balancer: ALBHandler = lambdaIdempotency((_event: ALBEvent): ALBResult => handle(), {
    store,
  });
  expect([api, http, url, balancer].every((each) => typeof each === 'function')).toBe(true);
  expectTypeOf<LambdaResponse>().toExtend<ALBResult>();
});
