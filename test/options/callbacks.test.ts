import { describe, expect, it } from 'vitest';
import { idempotentFetch } from '../../src/fetch/fetch.js';
import { callerOf } from '../../src/mcp/caller.js';
import { ask, ignoreRejection, notify } from '../../src/options/callbacks.js';
import { idempotent } from '../../src/server/web.js';
import { memoryStore } from '../../src/store/memory.js';

/** An unhandled rejection fails the run of the tests. */
const rejecting = (async () => {
  throw new Error('the database is down');
}) as never;

const throwing = (() => {
  throw new Error('no');
}) as never;

it('a listener that fails changes nothing', () => {
  const heard: number[] = [];
  for (const listener of [rejecting, throwing, (event: number) => heard.push(event)]) {
    notify(listener, 7);
  }
  expect(heard).toEqual([7]);
});

it.each([
  [() => true, true],
  [() => 1, true],
  [() => undefined, false],
  [throwing, 'fallback'],
  [rejecting, 'fallback'],
  [async () => true, 'fallback'],
])('a predicate answers, or the fallback does: %#', (predicate, answer) => {
  for (const fallback of [true, false]) {
    expect(ask(predicate, 7, fallback)).toBe(answer === 'fallback' ? fallback : answer);
  }
});

it('only a promise is one whose rejection is handled', () => {
  const answers = [Promise.reject(new Error('no')), undefined, null, 'then', {}];
  expect(answers.map(ignoreRejection)).toEqual([true, false, false, false, false]);
});

describe('an option that is an async function and rejects, though it may not be one', () => {
  const request = { method: 'POST', body: '{}', headers: { 'idempotency-key': 'order-7' } };

  it('applies to the request: applies', async () => {
    const upstream = async () => Response.json({});
    const fetch = idempotentFetch({ store: memoryStore(), fetch: upstream, applies: rejecting });
    const sent = await fetch('http://a.example/', request);
    const serve = idempotent(upstream, { store: memoryStore(), applies: rejecting });
    const served = await serve(new Request('http://a.example/', request));
    for (const { headers } of [sent, served]) expect(headers.get('samekey')).toBe('executed');
  });

  it('asks for a key: required', async () => {
    const serve = idempotent(async () => Response.json({}), {
      store: memoryStore(),
      required: rejecting,
    });
    const keyless = new Request('http://a.example/', { method: 'POST', body: '{}' });
    expect((await serve(keyless)).status).toBe(400);
  });

  it('is refused as one that gives no text: account', async () => {
    const refused = {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: expect.stringContaining('account gave a Promise, wanted text'),
    };
    const upstream = async () => Response.json({});
    const fetch = idempotentFetch({ store: memoryStore(), fetch: upstream, account: rejecting });
    await expect(fetch('http://a.example/', request)).rejects.toMatchObject(refused);
    const serve = idempotent(upstream, { store: memoryStore(), account: rejecting });
    const served = Promise.resolve().then(() => serve(new Request('http://a.example/', request)));
    await expect(served).rejects.toMatchObject(refused);
    expect(() => callerOf({} as never, rejecting)).toThrow(expect.objectContaining(refused));
  });
});
