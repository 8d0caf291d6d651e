import { createServer, request as httpRequest, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import { visit } from './program.js';
import { keyNumber, put } from './records.js';
import { type ServedDashboard, serveDashboard } from './served.js';

/** The name by which browsers reach the server in front of the dashboard. */
const NAME = 'dashboard.example';
const KEY = keyNumber(1);

const store = memoryStore();

/** A server in front of a dashboard, as nginx: `keepsHost` is `proxy_set_header Host $host`. */
async function startFront(target: string, keepsHost: boolean): Promise<Server> {
  const front = createServer((request, response) => {
    const { method, url: path, headers } = request;
    const host = keepsHost ? headers.host : new URL(target).host;
    const forwarded = httpRequest(target, { method, path, headers: { ...headers, host } });
    forwarded.on('error', () => response.destroy());
    forwarded.on('response', (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      response.flushHeaders();
      reply.pipe(response);
    });
    response.on('close', () => forwarded.destroy());
    request.pipe(forwarded);
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  return front;
}

const publicUrl = `https://${NAME}`;

describe.each([
  { keepsHost: true, isLoopback: false, read: 200, evicted: 200 },
  { keepsHost: true, isLoopback: true, read: 421, evicted: 421 },
  { keepsHost: false, isLoopback: false, read: 200, evicted: 403 },
  { keepsHost: false, isLoopback: true, read: 200, evicted: 403 },
  { keepsHost: true, isLoopback: false, publicUrl, read: 200, evicted: 200 },
  { keepsHost: true, isLoopback: true, publicUrl, read: 200, evicted: 200 },
  { keepsHost: false, isLoopback: true, publicUrl, read: 200, evicted: 200 },
])(
  'a dashboard behind a server (passes the Host on: $keepsHost, without --host: $isLoopback, public URL: $publicUrl)',
  ({ keepsHost, isLoopback, publicUrl, read, evicted }) => {
    let served: ServedDashboard;
    let front: Server;
    let url: string;
    const host = { host: NAME };
    beforeAll(async () => {
      await put(store, KEY);
      served = await serveDashboard({ store, allowEvict: true, isLoopback, publicUrl });
      front = await startFront(served.url, keepsHost);
      url = `http://127.0.0.1:${(front.address() as { port: number }).port}`;
    });
    afterAll(() => {
      served.close();
      front.close();
      front.closeAllConnections();
    });

    it(`answers ${read} to a browser that reads, and ${evicted} to one that evicts`, async () => {
      const page = await visit(`${url}${served.dashboard.newLink()}`, host);
      expect(page.cookie === '').toBe(read !== 200);
      expect((await page.get('/api/records', host)).status).toBe(read);
      const origin = { ...host, origin: `https://${NAME}`, 'sec-fetch-site': 'same-origin' };
      const reply = await page.post(`/api/evict?key=${KEY}`, origin);
      expect(reply.status).toBe(evicted);
      if (evicted === 403) expect(reply.json.detail).toContain('needs its public URL');
      if (read !== 200) return;
      const live = await page.live(host);
      await expect.poll(() => live.messages.length).toBeGreaterThan(0);
      expect(live.headers['x-accel-buffering']).toBe('no');
      live.close();
    });
  },
);
