import { describe, expect, it } from 'vitest';
import { encoder } from '../../src/engine/utf8.js';
import { bodyIdentity } from '../../src/request/request-key.js';
import {
  fingerprintOf,
  type Payload,
  payloadOfParsed,
  readBody,
} from '../../src/server/payload.js';

describe('the body of a request', () => {
  const LIMIT_BYTES = 10;

  /** A request whose body arrives in two pieces, and whether its rest was cancelled. */
  function sent(byteCount: number, headers: Record<string, string> = {}) {
    const state = { isCancelled: false, piecesRead: 0 };
    const pieces = [Math.ceil(byteCount / 2), Math.floor(byteCount / 2)].filter((size) => size > 0);
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const size = pieces.shift();
          if (size === undefined) return controller.close();
          state.piecesRead++;
          controller.enqueue(new Uint8Array(size).fill(7));
        },
        cancel() {
          state.isCancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
    return { request: new Request('http://a.example/', init), state };
  }

  it.each([0, 1, LIMIT_BYTES - 1, LIMIT_BYTES])(
    'of %i bytes is read whole, whether or not it has a length',
    async (byteCount) => {
      for (const headers of [{}, { 'content-length': String(byteCount) }]) {
        const { request, state } = sent(byteCount, headers);
        expect(await readBody(request, LIMIT_BYTES)).toEqual(new Uint8Array(byteCount).fill(7));
        expect(state.isCancelled).toBe(false);
      }
    },
  );

  it('may be empty if nothing else is allowed', async () => {
    expect(await readBody(sent(0).request, 0)).toEqual(new Uint8Array());
    expect(await readBody(sent(1).request, 0)).toBe(undefined);
  });

  it('is not read further than the limit', async () => {
    const { request, state } = sent(4 * LIMIT_BYTES);
    expect(await readBody(request, LIMIT_BYTES)).toBe(undefined);
    expect(state).toEqual({ isCancelled: true, piecesRead: 1 });
    // Two pieces, of which the second is too much.
    const longer = sent(LIMIT_BYTES + 1);
    expect(await readBody(longer.request, LIMIT_BYTES)).toBe(undefined);
    expect(longer.state).toEqual({ isCancelled: true, piecesRead: 2 });
  });

  it('is not read at all if its length says that it is too long', async () => {
    const { request, state } = sent(11, { 'content-length': '11' });
    expect(await readBody(request, LIMIT_BYTES)).toBe(undefined);
    expect(state).toEqual({ isCancelled: true, piecesRead: 0 });
  });

  it('is too long by its bytes, whatever its length says', async () => {
    const { request } = sent(11, { 'content-length': '3' });
    expect(await readBody(request, LIMIT_BYTES)).toBe(undefined);
  });

  it('is empty if there is none', async () => {
    for (const headers of [{}, { 'content-length': '0' }, { 'content-length': '99' }]) {
      const request = new Request('http://a.example/', { method: 'POST', headers });
      expect(await readBody(request, LIMIT_BYTES)).toEqual(new Uint8Array());
    }
  });
});

describe('what an earlier parser made of a body', () => {
  it.each<[string, unknown, Payload]>([
    ['nothing', undefined, { body: new Uint8Array() }],
    ['null', null, { body: new Uint8Array() }],
    ['text', 'é', { body: encoder.encode('é') }],
    ['an empty text', '', { body: new Uint8Array() }],
    ['bytes', new Uint8Array([1, 2]), { body: new Uint8Array([1, 2]) }],
    ['an object', { a: 1 }, { parsed: { a: 1 } }],
    ['a number', 0, { parsed: 0 }],
    ['false', false, { parsed: false }],
  ])('%s', (_, parsed, payload) => {
    expect(payloadOfParsed(parsed)).toEqual(payload);
  });
});

describe('the fingerprint of a request', () => {
  const bytes = (text: string): Payload => ({ body: encoder.encode(text) });
  const of = (
    payload: Payload,
    {
      search = '',
      type = 'application/json',
      identity = {},
    }: { search?: string; type?: string; identity?: object } = {},
  ) => {
    const headers = new Headers({ 'content-type': type });
    return fingerprintOf({ search, headers }, payload, bodyIdentity(identity));
  };

  it('is that of the value, for bytes and for what a parser made of them', () => {
    const wanted = of(bytes('{"a":1,"b":[2]}'));
    expect(of(bytes('{ "b": [2.0], "a": 1 }'))).toBe(wanted);
    expect(of({ parsed: { b: [2], a: 1 } })).toBe(wanted);
    expect(of({ parsed: { b: [3], a: 1 } })).not.toBe(wanted);
  });

  it('distinguishes query, media type and body', () => {
    const all = [
      of(bytes('{}')),
      of(bytes('{}'), { search: '?a=1' }),
      of(bytes('{}'), { search: '?a=2' }),
      of(bytes('{}'), { type: 'text/plain' }),
      of(bytes('[]')),
    ];
    expect(new Set(all).size).toBe(all.length);
    expect(of(bytes('{}'), { type: 'Application/JSON; charset=utf-8' })).toBe(all[0]);
  });

  it.each([
    ['bytes', (value: object) => bytes(JSON.stringify(value))],
    ['a parsed body', (value: object): Payload => ({ parsed: value })],
  ])('of %s has the fields of the identity only, or all if those are missing', (_, payload) => {
    const excluding = { identity: { exclude: ['sentAt'] } };
    expect(of(payload({ a: 1, sentAt: 1 }), excluding)).toBe(
      of(payload({ a: 1, sentAt: 2 }), excluding),
    );
    const including = { identity: { include: ['item'] } };
    expect(of(payload({ item: 1, a: 1 }), including)).toBe(of(payload({ item: 1 }), including));
    expect(of(payload({ a: 1 }), including)).not.toBe(of(payload({ a: 2 }), including));
  });

  it('of a body that is nested too deep is that of its bytes', () => {
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`;
    expect(of(bytes(deep))).toBe(of(bytes(deep)));
    expect(of(bytes(deep))).not.toBe(of(bytes(`${deep} `)));
  });

  it('is refused for a parsed body that is no JSON', () => {
    for (const options of [{}, { identity: { include: ['item'] } }]) {
      expect(() => of({ parsed: { at: 1n } }, options)).toThrow(
        expect.objectContaining({ name: 'TypeError', code: 'SAMEKEY_NOT_JSON' }),
      );
    }
    const error = new Error('no getter');
    const parsed = {
      get item() {
        throw error;
      },
    };
    expect(() => of({ parsed })).toThrow(error);
  });
});
