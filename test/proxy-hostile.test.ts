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
});
