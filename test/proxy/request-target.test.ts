import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { targetOf, upstreamAddress } from '../../src/proxy/request-target.js';

const ADDRESS = upstreamAddress('https://upstream.example/base/');
const refusalOf = (url: string) => {
  const request = { url, headers: {}, rawHeaders: [] } as unknown as IncomingMessage;
  try {
    return targetOf(request, ADDRESS, { isLoopback: false, pseudonym: 'samekey' });
  } catch (error) {
    return error;
  }
};

it('refuses control characters, which a URL loses: they could hide ".."', () => {
  for (const url of ['/.\t\t.', '/v1/.\r./a', '/a?\n']) {
    expect(refusalOf(url)).toMatchObject({
      code: 'SAMEKEY_REFUSED',
      status: 400,
      message: expect.stringMatching(/contains a control character, wanted it percent-encoded$/),
    });
  }
});

it('names the host of a request for another one, at every call', () => {
  // Since a call is compiled, `URL.canParse` of Node.js 20 and 22 gives other answers for these.
  const hosts = [
    ['http://\u00fcber.example/v1', /for "xn--ber-goa\.example", and/],
    ['http:\u00c8\u0090#p/', /it is for another host, and/],
    ['nothing', /it is for another host, and/],
  ] as const;
  for (let call = 0; call < 20_000; call++) refusalOf(`http://a.example/${call & 7}`);
  for (const [url, message] of hosts) {
    expect(refusalOf(url)).toMatchObject({
      code: 'SAMEKEY_REFUSED',
      status: 421,
      message: expect.stringMatching(message),
    });
  }
  for (let call = 0; call < 20_000; call++) upstreamAddress('http://a.example/');
  expect(upstreamAddress('http://\u00fcber.example/v1').origin).toBe('http://xn--ber-goa.example');
});
