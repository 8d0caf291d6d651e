import { afterEach, describe, expect, it } from 'vitest';
import { type RunningProxy, sendBytes, startProxy } from './proxy-program.js';
import { type Behaviour, startUpstream, type Upstream } from './upstream.js';

let upstream: Upstream;
let proxy: RunningProxy;

async function start(behave: Behaviour, ...args: string[]): Promise<void> {
  upstream = await startUpstream(behave);
  proxy = await startProxy(new URL(upstream.url).origin, args);
}

afterEach(async () => {
  await proxy?.stop('SIGKILL');
  await upstream?.stop();
});

/** An upstream that answers with these bytes. */
const answering =
  (answer: string): Behaviour =>
  ({ raw: { socket } }) =>
    socket.end(answer, 'latin1');

const head = (method: string) =>
  `${method} / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`;

describe.each(['GET', 'POST'])('what an upstream answers to %s', (method) => {
  it('with a reason that cannot be written reaches the client without it', async () => {
    await start(answering('HTTP/1.1 200 O\x01K\r\ncontent-length: 2\r\n\r\n{}'));
    expect(await sendBytes(proxy.url, head(method))).toMatch(/^HTTP\/1\.1 200 \r\n[\s\S]*\{\}$/);
    expect((await fetch(`${proxy.url}/-/health`)).status).toBe(200);
  });

  it.each([
    [
      'that it speaks something else now',
      '101 What\r\nupgrade: what\r\nconnection: upgrade\r\n\r\n',
    ],
    ['with a status that there is not', '099 What\r\ncontent-length: 0\r\n\r\n'],
    [
      'in a transfer coding that nobody asked for',
      '200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
    ],
  ])('%s is a 502', async (_, answer) => {
    await start(answering(`HTTP/1.1 ${answer}`));
    const told = await sendBytes(proxy.url, head(method));
    expect(told).toMatch(/^HTTP\/1\.1 502 [\s\S]*"SAMEKEY_BROKEN_RESPONSE"/);
  });

  it('in headers of whatever bytes reaches the client as it was', async () => {
    const name = 'content-disposition: attachment; filename="caf\xc3\xa9 \xff"';
    await start(answering(`HTTP/1.1 200 OK\r\n${name}\r\ncontent-length: 2\r\n\r\n{}`));
    expect(await sendBytes(proxy.url, head(method))).toContain(`\r\n${name}\r\n`);
    expect(await sendBytes(proxy.url, head(method))).toContain(`\r\n${name}\r\n`);
  });

  it('before its answer, in a head of its own, stays there', async () => {
    const hint = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
    await start(answering(`${hint}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`));
    expect(await sendBytes(proxy.url, head(method))).toMatch(/^HTTP\/1\.1 200 (?![\s\S]*link)/);
  });
});
