import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import { put } from './records.js';
import { serveDashboard } from './served.js';

it('holds one message at most for a page that does not read', async () => {
  const store = memoryStore();
  const { dashboard, url, page } = await serveDashboard({
    source: 'proxy',
    store,
    hasCalls: true,
  });
  const call = { outcome: 'executed', key: 'k', runMs: 5 } as const;
  for (let number = 0; number < 400; number++) {
    await put(store, `${'k'.repeat(900)}${number}`, { state: 'running' });
  }
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.pause();
  const head = `GET /api/live HTTP/1.1\r\nHost: localhost\r\nCookie: ${page.cookie}\r\n\r\n`;
  let written = 0;
  let waiting = 0;
  dashboard.server.once('request', (_, response) => {
    const write = response.write.bind(response);
    response.write = ((text: string) => {
      written++;
      const isDrained = write(text);
      waiting = response.writableLength;
      return isDrained;
    }) as typeof response.write;
  });
  socket.write(head);
  const busy = setInterval(() => dashboard.tally.count({ ...call, atMs: Date.now() }), 100);
  const reader = await page.live();
  // The buffers of the system take the first messages. The other page gets its own meanwhile.
  for (let before = -1; written !== before; ) {
    before = written;
    const seen = reader.messages.length;
    await expect.poll(() => reader.messages.length, { timeout: 60_000 }).toBeGreaterThan(seen + 2);
  }
  expect(written).toBeGreaterThan(0);
  const longest = Buffer.byteLength(JSON.stringify(reader.last())) + 1000;
  expect(waiting).toBeGreaterThan(0);
  expect(waiting).toBeLessThanOrEqual(longest);
  clearInterval(busy);
  reader.close();
  socket.destroy();
  dashboard.close();
}, 120_000);
