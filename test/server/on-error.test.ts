import { afterEach, describe, expect, it } from 'vitest';
import type { OnceEvent } from '../../src/once/index.js';
import { type ErrorAnswer, idempotent, type ServerProblem } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';
import { type AnyOptions, FRAMEWORKS, type Started } from './frameworks.js';

const stopping: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stopping.splice(0)) await stop();
});

/** Nest has filters, which decide how an answer is sent. */
const isNest = (name: string) => name.startsWith('nest');

describe.each(Object.entries(FRAMEWORKS))('onError on %s', (name, start) => {
  const serve = async (options: Partial<AnyOptions>): Promise<Started> => {
    const server = await start({ store: memoryStore(), required: true, ...options }, () => ({
      body: 'done',
    }));
    stopping.push(server.stop);
    return server;
  };
  const post = ({ url }: Started, key?: string, body = '{"item":1}') =>
    fetch(`${url}/orders`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json',
        authorization: 'Bearer anna',
        ...(key !== undefined && { 'idempotency-key': key }),
      },
    });

  it('writes the answer to every refusal, with the headers of the problem', async () => {
    const problems: ServerProblem[] = [];
    const requests: object[] = [];
    const server = await serve({
      maxBodyBytes: 100,
      onError(problem, request) {
        problems.push(problem);
        requests.push(request);
        return {
          status: problem.status === 400 ? 428 : undefined,
          headers: { 'X-Why': problem.code },
          body: { own: problem.title },
        };
      },
    });
    expect((await post(server, 'a')).status).toBe(200);
    const refused = [
      await post(server),
      await post(server, 'undefined'),
      await post(server, 'a', '{"item":2}'),
      await post(server, 'b', JSON.stringify({ text: 'x'.repeat(100) })),
    ];
    expect(refused.map(({ status }) => status)).toEqual([428, 428, 422, 413]);
    expect(refused.map(({ headers }) => headers.get('x-why'))).toEqual(
      problems.map(({ code }) => code),
    );
    for (const [at, each] of refused.entries()) {
      if (!isNest(name)) expect(each.headers.get('content-type')).toMatch(/^application\/json/);
      expect(each.headers.get('cache-control')).toBe('no-store');
      expect(await each.json()).toEqual({ own: problems[at]?.title });
    }
    expect(refused[2]?.headers.get('x-should-retry')).toBe('false');
    expect(problems[0]).toEqual({
      type: expect.stringMatching(/#key-missing$/),
      title: expect.any(String),
      status: 400,
      detail: expect.stringMatching(/^Cannot /),
      code: 'SAMEKEY_BAD_KEY',
      headers: { 'cache-control': 'no-store' },
    });
    // The request is that of the framework, as `account` gets it.
    expect(requests).toHaveLength(4);
    for (const each of requests) expect(each).toBeTypeOf('object');
  });

  it('gives the usual answer and an event if it throws, or returns nothing or something else', async () => {
    const events: OnceEvent[] = [];
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('no template');
      },
      () => {},
      async () => ({ body: 'late' }),
      async () => {
        throw new Error('late, and an unhandled rejection would fail this run');
      },
      () => Response.json({}),
      () => 'text',
      () => ({ text: 'misspelled' }),
      () => ({ status: 99 }),
      () => ({ headers: { 'bad name': 'x' } }),
      () => ({ headers: { 'x-line': 'a\r\nb' } }),
      () => ({ headers: [['x-a', '1']] }),
      () => ({ body: { big: 1n } }),
      () => ({ body: () => {} }),
    ];
    let at = 0;
    const server = await serve({
      onEvent: (event) => events.push(event),
      onError: () => answers[at]?.() as ErrorAnswer,
    });
    for (; at < answers.length; at++) {
      const response = await post(server);
      expect([response.status, await response.json()], String(answers[at])).toMatchObject([
        400,
        { code: 'SAMEKEY_BAD_KEY' },
      ]);
      expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    }
    expect(events.map(({ type }) => type)).toEqual(answers.map(() => 'optionError'));
    expect(events[0]).toMatchObject({
      option: 'onError',
      key: '',
      error: { message: 'no template' },
    });
    for (const event of events.slice(1, 11)) {
      expect(event).toMatchObject({
        error: {
          message: expect.stringMatching(
            /^(?:Cannot use the answer of onError: .*wanted|Headers\.|.*[Hh]eader)/,
          ),
        },
      });
    }
  });

  it('changes a part of the problem, or nothing', async () => {
    const server = await serve({
      onError: (problem) =>
        problem.status === 400 ? { ...problem, title: 'Der Schlüssel fehlt' } : problem,
    });
    const missing = await post(server);
    expect(missing.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await missing.json()).toMatchObject({
      title: 'Der Schlüssel fehlt',
      status: 400,
      code: 'SAMEKEY_BAD_KEY',
    });
    await post(server, 'a');
    const reused = await post(server, 'a', '{"item":2}');
    expect([reused.status, await reused.json()]).toMatchObject([422, { code: 'SAMEKEY_MISMATCH' }]);
  });
});

describe('an answer of onError', () => {
  const answered = async (answer: ErrorAnswer) => {
    const handler = idempotent(async () => new Response(), {
      store: memoryStore(),
      required: true,
      onError: () => answer,
    });
    const response = await handler(new Request('http://a.example/', { method: 'POST' }));
    return [
      response.status,
      response.headers.get('content-type'),
      response.headers.get('cache-control'),
      await response.text(),
    ];
  };

  it.each([
    ['text', { body: 'no key' }, [400, 'text/plain; charset=utf-8', 'no-store', 'no key']],
    ['an empty text', { body: '' }, [400, 'text/plain; charset=utf-8', 'no-store', '']],
    [
      'bytes',
      { body: new TextEncoder().encode('no key') },
      [400, 'application/octet-stream', 'no-store', 'no key'],
    ],
    ['none', { body: null }, [400, null, 'no-store', '']],
    ['JSON', { body: [1] }, [400, 'application/json', 'no-store', '[1]']],
    [
      'a page',
      {
        status: 200,
        headers: { 'Content-Type': 'text/html', 'cache-control': undefined },
        body: '<p>',
      },
      [200, 'text/html', null, '<p>'],
    ],
    ['none, by its status', { status: 204, body: 'x' }, [204, null, 'no-store', '']],
  ])('may be %s', async (_, answer, expected) => {
    expect(await answered(answer)).toEqual(expected);
  });

  it('is the problem with another status, if it has only that', async () => {
    const [status, type, , text] = await answered({ status: 428 });
    expect([status, type, JSON.parse(text as string).status]).toEqual([
      428,
      'application/problem+json',
      428,
    ]);
  });

  it('has the key of the record in its event, if that is known', async () => {
    const events: OnceEvent[] = [];
    const handler = idempotent(async () => new Response(), {
      store: memoryStore(),
      onEvent: (event) => events.push(event),
      onError: () => {
        throw new Error('no template');
      },
    });
    const post = (body: string) =>
      handler(
        new Request('http://a.example/', {
          method: 'POST',
          headers: { 'idempotency-key': 'a' },
          body,
        }),
      );
    const { headers } = await post('1');
    expect((await post('2')).status).toBe(422);
    expect(events.at(-1)).toMatchObject({ type: 'optionError', key: headers.get('samekey-key') });
  });
});
