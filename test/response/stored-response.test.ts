import { describe, expect, it } from 'vitest';
import type { HeaderLine, ResponseHead } from '../../src/response/response-data.js';
import { responseCodec, roomFor, sharedHead } from '../../src/response/stored-response.js';

it('the codec of responses reads a payload that is a part of a larger buffer', () => {
  const response = {
    status: 201,
    statusText: 'Created',
    headers: [['x-order', '1']],
    url: 'https://shop.example/orders',
    body: new TextEncoder().encode('{"order":1}'),
  };
  const payload = responseCodec.encode(response) as Uint8Array;
  // Drivers of stores return views of their own receive buffers.
  const received = new Uint8Array(payload.length + 12).fill(0xff);
  received.set(payload, 5);
  const decoded = responseCodec.decode(received.subarray(5, 5 + payload.length));
  expect(decoded).toEqual(response);
});

const HEAD = { status: 200, statusText: 'OK', headers: [['x-a', '1']], url: 'https://a.example/' };

/** A payload whose head another program wrote. */
function payloadOf(head: unknown, body = 'body', headBytes?: number): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(head));
  const payload = new Uint8Array(4 + text.length + body.length);
  new DataView(payload.buffer).setUint32(0, headBytes ?? text.length);
  payload.set(text, 4);
  payload.set(new TextEncoder().encode(body), 4 + text.length);
  return payload;
}

describe('the codec of responses', () => {
  it.each([
    ['its status is not 200 to 599', { status: 199 }],
    ['its status is not 200 to 599', { status: 600 }],
    ['its status is not 200 to 599', { status: 200.5 }],
    ['its status is not 200 to 599', { status: '200' }],
    ['its status text is not HTTP', { statusText: 7 }],
    ['its status text is not HTTP', { statusText: 'OK\r\nx-b: 2' }],
    ['it has no URL', { url: undefined }],
    ['it has no headers', { headers: undefined }],
    ['it has no headers', { headers: 'ab' }],
    ['a header has no value', { headers: [['x-a', '1'], ['x-b']] }],
    ['a header has no value', { headers: [['x-a', '1', '2']] }],
    ['a header has no value', { headers: ['ab'] }],
    ['a header has no value', { headers: [[1, '2']] }],
    ['a header has no value', { headers: [['x-a', 2]] }],
    ['a header is not HTTP', { headers: [['', '1']] }],
    ['a header is not HTTP', { headers: [['x a', '1']] }],
    ['a header is not HTTP', { headers: [['X-A', '1']] }],
    ['a header is not HTTP', { headers: [['x-a', '1\n']] }],
    ['a header is not HTTP', { headers: [['x-a', '\u0100']] }],
    ['it has the header set-cookie, which is never stored', { headers: [['set-cookie', 'a=b']] }],
  ])('refuses a response, because %s: %j', (what, part) => {
    expect(() => responseCodec.decode(payloadOf({ ...HEAD, ...part }))).toThrow(
      new TypeError(`Cannot read the stored response: ${what}`),
    );
  });

  it('refuses one that is cut', () => {
    for (const payload of [payloadOf(HEAD, '', 1000), new Uint8Array(3), new Uint8Array()]) {
      expect(() => responseCodec.decode(payload)).toThrow(
        new TypeError('Cannot read the stored response: it is cut'),
      );
    }
  });

  it.each([
    ['the lowest status', { status: 200 }],
    ['the highest status', { status: 599 }],
    ['no status text', { statusText: '' }],
    ['a status text of Latin-1', { statusText: 'D\u00e9j\u00e0 vu' }],
    ['no URL', { url: '' }],
    ['no headers', { headers: [] }],
    ['an empty header', { headers: [['x-a', '']] }],
    ['a header with a tab', { headers: [["!#$%&'*+-.^_`|~09az", 'a\tb~\u00ff']] }],
    [
      'the same header twice',
      {
        headers: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      },
    ],
  ])('reads a response with %s', (_, part) => {
    const body = new TextEncoder().encode('body');
    expect(responseCodec.decode(payloadOf({ ...HEAD, ...part }))).toEqual({
      ...HEAD,
      ...part,
      body,
    });
  });

  it('leaves out a length that is not that of the body, and keeps that of a HEAD', () => {
    const lengthOf = (headers: string[][], body: string) => {
      const { headers: read } = responseCodec.decode(
        payloadOf({ ...HEAD, headers }, body),
      ) as ResponseHead;
      return read;
    };
    expect(
      lengthOf(
        [
          ['content-length', '4'],
          ['x-a', '1'],
        ],
        'body',
      ),
    ).toEqual([
      ['content-length', '4'],
      ['x-a', '1'],
    ]);
    expect(
      lengthOf(
        [
          ['content-length', '5'],
          ['x-a', '1'],
        ],
        'body',
      ),
    ).toEqual([['x-a', '1']]);
    expect(lengthOf([['content-length', '5']], '')).toEqual([['content-length', '5']]);
  });

  it('writes the response it was made for, once and whatever its bytes are', () => {
    const stored = roomFor({ ...HEAD, headers: [['x-a', '1']] }, 3);
    stored.body.set([1, 0, 255]);
    const payload = responseCodec.encode(stored);
    expect(responseCodec.encode(stored)).toBe(payload);
    expect(responseCodec.decode(payload as Uint8Array)).toEqual({
      ...HEAD,
      body: new Uint8Array([1, 0, 255]),
    });
    // Another object is encoded anew.
    const copy = { ...stored, body: new Uint8Array([2]) };
    expect(responseCodec.decode(responseCodec.encode(copy) as Uint8Array)).toEqual({
      ...HEAD,
      body: new Uint8Array([2]),
    });
  });
});

describe('the head that all readers share', () => {
  const shared = (headers: readonly HeaderLine[], isCoded = false) =>
    sharedHead(
      { status: 201, statusText: 'Created', url: 'https://a.example/?q', headers },
      isCoded,
    );

  it('has no header of one connection or one client', () => {
    const ofConnection = [
      ['connection', 'Close, X-Hop'],
      ['keep-alive', 'timeout=5'],
      ['proxy-authenticate', 'Basic'],
      ['proxy-authentication-info', 'a'],
      ['proxy-connection', 'close'],
      ['set-cookie', 'a=b'],
      ['set-cookie2', 'a=b'],
      ['te', 'trailers'],
      ['trailer', 'x-sum'],
      ['transfer-encoding', 'chunked'],
      ['upgrade', 'h2c'],
      ['x-hop', '1'],
    ] as const;
    expect(shared([...ofConnection, ['x-a', '1'], ['close', 'stays out']])).toEqual({
      status: 201,
      statusText: 'Created',
      url: 'https://a.example/?q',
      headers: [['x-a', '1']],
    });
  });

  it('has the coding and the length of a coded body, and not those of a decoded one', () => {
    const coded: HeaderLine[] = [
      ['content-encoding', 'gzip'],
      ['content-length', '20'],
      ['x-a', '1'],
    ];
    expect(shared(coded, true).headers).toEqual(coded);
    expect(shared(coded).headers).toEqual([['x-a', '1']]);
    const plain: HeaderLine[] = [['content-length', '20']];
    expect(shared(plain).headers).toEqual(plain);
  });
});
