import { expect, it } from 'vitest';
import { encryptedCodec } from '../../src/once/index.js';
import { eventStream } from '../servers/upstream.js';
import { events, fetchWith, json, server, store, upstream, useUpstream } from './scene.js';

useUpstream();

const codecOf = (id: string) =>
  encryptedCodec({ keys: [{ id, key: new Uint8Array(32).fill(id.length) }] });

/** Returns everything that the store has, bytes as text. */
async function content(): Promise<string> {
  let text = '';
  for await (const { key, record } of store.list?.() ?? []) {
    const { payload, ...rest } = record;
    text += JSON.stringify({ key, ...rest }) + Buffer.from(payload ?? []).toString('latin1');
  }
  return text;
}

const EVENTS = [
  ['message_start', { type: 'message_start', message: { id: 'msg_1', usage: {} } }],
  ['content_block_delta', { type: 'content_block_delta', delta: { text: 'the secret answer' } }],
  ['message_stop', { type: 'message_stop' }],
] as const;

it.each([
  [
    'whole',
    (response: Parameters<typeof json>[0]) =>
      json(response, { id: 'msg_1', content: [{ text: 'the secret answer' }] }),
  ],
  [
    'streamed',
    (response: Parameters<typeof json>[0]) => {
      const write = eventStream(response);
      for (const [event, data] of EVENTS) write(event, data);
      response.end();
    },
  ],
])('a %s response is stored encrypted, and replayed where its key is', async (_, answer) => {
  server.behave = (__, response) => answer(response);
  const codec = codecOf('one');
  const first = fetchWith({ codec });
  const [text, joined] = await Promise.all(
    [first.ask(), first.ask()].map(async (asked) => (await asked).text()),
  );
  expect(text).toContain('the secret answer');
  expect(joined).toBe(text);
  await expect.poll(content).toContain('"codec":"encrypted"');
  expect(await content()).not.toMatch(/secret|answer|msg_1|http-response|content-type|127\.0\.0/);
  const replayed = await fetchWith({ codec }).ask();
  expect(replayed.headers.get('samekey')).toBe('replayed');
  expect(await replayed.text()).toBe(text);
  expect(upstream.requests).toHaveLength(1);
  const lost = fetchWith({ codec: codecOf('another') });
  await expect(lost.ask()).rejects.toMatchObject({
    code: 'SAMEKEY_UNREADABLE',
    codec: 'encrypted',
    keyId: 'one',
  });
  await expect(fetchWith().ask()).rejects.toMatchObject({ code: 'SAMEKEY_UNREADABLE' });
  expect(upstream.requests).toHaveLength(1);
  const again = fetchWith({ codec: codecOf('another'), onUnreadable: 'retry' });
  const answers = await Promise.all(Array.from({ length: 10 }, () => again.ask()));
  expect(await Promise.all(answers.map((each) => each.text()))).toEqual(Array(10).fill(text));
  expect(upstream.requests).toHaveLength(2);
  expect(events.filter(({ type }) => type === 'unreadable')).toHaveLength(3);
});
