import { describe, expect, it } from 'vitest';
import { encryptedCodec, type OnceEvent } from '../../src/once/index.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { FRAMEWORKS, type Started } from './frameworks.js';

const SECRET = 'the secret of the customer';
const codecOf = (id: string) =>
  encryptedCodec({ keys: [{ id, key: new Uint8Array(32).fill(id.length) }] });

const post = async ({ url }: Started) => {
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: {
      'idempotency-key': 'the-key-of-a-client',
      'content-type': 'application/json',
      authorization: 'Bearer a',
    },
    body: '{"item":1}',
  });
  return { response, outcome: response.headers.get('samekey'), text: await response.text() };
};

/** Returns everything that a store has, bytes as text. */
async function contentOf(store: Store): Promise<string> {
  let text = '';
  for await (const { key, record } of store.list?.() ?? []) {
    const { payload, ...rest } = record;
    text += JSON.stringify({ key, ...rest }) + Buffer.from(payload ?? []).toString('latin1');
  }
  return text;
}

describe.each(Object.entries(FRAMEWORKS))('on %s, an encrypted response', (_, start) => {
  it('is replayed, and the store has nothing of it', async () => {
    const store = memoryStore();
    let runs = 0;
    const events: OnceEvent[] = [];
    const behave = () => {
      runs++;
      const headers = { 'content-type': 'application/json', 'x-customer': 'header-of-ada' };
      return { status: 201, headers, body: JSON.stringify({ run: runs, text: SECRET }) };
    };
    const on = (codec: ReturnType<typeof codecOf>, more: object = {}) =>
      start({ store, codec, onEvent: (event: OnceEvent) => events.push(event), ...more }, behave);
    // Each one with a cache of its own, as a process has it.
    const servers = await Promise.all([
      on(codecOf('one')),
      on(codecOf('one')),
      on(codecOf('another')),
      on(codecOf('another'), { onUnreadable: 'retry' }),
    ]);
    const [first, second, lost, again] = servers as [Started, Started, Started, Started];
    try {
      const ran = await post(first);
      expect(ran).toMatchObject({ outcome: 'executed' });
      await expect.poll(() => contentOf(store)).toContain('"codec":"encrypted"');
      const replayed = await post(second);
      expect(replayed).toMatchObject({ outcome: 'replayed', text: ran.text });
      expect(replayed.response.status).toBe(201);
      expect(replayed.response.headers.get('x-customer')).toBe('header-of-ada');
      const content = await contentOf(store);
      expect(content).not.toMatch(
        /the secret|customer|header-of|"status"|http-response|application/,
      );
      const refused = await post(lost);
      expect(refused.response.status).toBe(500);
      expect(refused.response.headers.get('x-should-retry')).toBe('false');
      expect(JSON.parse(refused.text)).toEqual({
        type: 'https://github.com/samekey/samekey/blob/main/docs/server.md#response-unreadable',
        title: 'The stored response cannot be read',
        status: 500,
        detail:
          'Cannot answer: the request was processed before, and its stored response cannot be read, wanted an operator to look at it',
        code: 'SAMEKEY_UNREADABLE',
      });
      expect(runs).toBe(1);
      expect(await post(again)).toMatchObject({ outcome: 'executed' });
      expect(runs).toBe(2);
      expect(
        events.filter(({ type }) => type === 'unreadable').map((event) => ({ ...event })),
      ).toMatchObject([
        { decision: 'hold', codec: 'encrypted', keyId: 'one' },
        { decision: 'retry', codec: 'encrypted', keyId: 'one' },
      ]);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});
