import { expect, it } from 'vitest';
import { responseCodec } from '../../src/response/stored-response.js';

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
