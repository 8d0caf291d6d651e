import { existsSync, readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryStore } from '../../src/store/memory.js';
import { expectFailure, ROOT, samekey } from '../cli/program.js';
import { CLI_STORES, type CliStore } from '../cli/stores.js';
import { type RunningDashboard, send, startDashboard, type Visitor, visit } from './program.js';
import { keyNumber, put } from './records.js';
import { type ServedDashboard, serveDashboard } from './served.js';

const store = memoryStore();
const KEY = keyNumber(1);

/** Titles, details and codes of a problem, and nothing else that a page would have to know. */
const isProblem = {
  title: expect.stringMatching(/./),
  detail: expect.stringMatching(/\.$/),
  code: expect.stringMatching(/^SAMEKEY_/),
};

let served: ServedDashboard;
let visitor: Visitor;
beforeAll(async () => {
  await put(store, KEY);
  served = await serveDashboard({ store, allowEvict: true });
  visitor = served.page;
});
afterAll(() => served.close());

describe('the link', () => {
  it('gives one browser a session, and works once', async () => {
    const { url, dashboard } = served;
    const path = dashboard.newLink();
    expect(path).toMatch(/^\/\?token=[\w-]{43}$/);
    const first = await send(url, path);
    expect(first.status).toBe(303);
    expect(first.headers.location).toBe('/');
    const { port } = new URL(url);
    expect(first.headers['set-cookie']?.[0]).toMatch(
      new RegExp(`^samekey-dashboard-${port}=[\\w-]{43}; HttpOnly; SameSite=Strict; Path=/$`),
    );
    const second = await send(url, path);
    expect(second.status).toBe(401);
    expect(second.headers['set-cookie']).toBeUndefined();
    expect(second.json).toEqual({ ...isProblem, status: 401 });
  });

  it('is not used up by a program that only looks at it', async () => {
    const { url, dashboard } = served;
    const path = dashboard.newLink();
    expect((await send(url, path, { method: 'HEAD' })).status).toBe(401);
    expect((await send(url, path, { method: 'POST' })).status).toBe(401);
    expect((await send(url, path)).status).toBe(303);
  });

  it('that is newer makes the one before invalid, and leaves the sessions', async () => {
    const { url, dashboard } = served;
    const old = dashboard.newLink();
    const path = dashboard.newLink();
    expect((await send(url, old)).status).toBe(401);
    expect((await send(url, path)).status).toBe(303);
    expect((await visitor.get('/api/overview')).status).toBe(200);
  });

  it('does not stay in the address of a browser with a session, which uses it up', async () => {
    const path = served.dashboard.newLink();
    for (let i = 0; i < 2; i++) {
      const reply = await visitor.get(path);
      expect([reply.status, reply.headers.location]).toEqual([303, '/']);
    }
    const other = await send(served.url, path);
    expect([other.status, other.headers['set-cookie']]).toEqual([401, undefined]);
    expect((await visitor.get('/api/overview')).status).toBe(200);
  });

  it('is not used up by a page that a browser with a session opens', async () => {
    const path = served.dashboard.newLink();
    for (const other of ['/?token=', '/?token=wrong', path.replace('/?', '/api/overview?')]) {
      expect((await visitor.get(other)).status).toBeLessThan(400);
    }
    expect((await send(served.url, path)).status).toBe(303);
  });
});

describe('without a session', () => {
  const PATHS = ['/', '/index.html', '/dashboard.js', '/api/overview', '/api/live', '/api/records'];

  it.each([...PATHS, `/api/record?key=${KEY}`, '/missing', '/?token='])(
    '%s is refused',
    async (path) => {
      const reply = await send(served.url, path);
      expect(reply.status).toBe(401);
      expect(reply.headers['content-type']).toBe('application/problem+json');
      expect(reply.json).toEqual({ ...isProblem, status: 401 });
    },
  );

  it.each([
    ['an empty cookie', (name: string) => `${name}=`],
    ['another secret', (name: string) => `${name}=${'A'.repeat(43)}`],
    ['a secret of another port', (_: string, secret: string) => `samekey-dashboard-1=${secret}`],
    ['a longer secret', (name: string, secret: string) => `${name}=${secret}x`],
    ['many cookies', () => 'a=b; '.repeat(1000)],
  ])('%s is none', async (_, cookieOf) => {
    const [name = '', secret = ''] = visitor.cookie.split('=');
    const cookie = cookieOf(name, secret);
    expect((await send(served.url, '/api/overview', { headers: { cookie } })).status).toBe(401);
  });

  it('is no browser that sends two cookies of the name, one of them right', async () => {
    const [name = ''] = visitor.cookie.split('=');
    for (const cookie of [`${name}=x; ${visitor.cookie}`, `${visitor.cookie}; ${name}=x`]) {
      expect((await send(served.url, '/api/overview', { headers: { cookie } })).status).toBe(200);
    }
  });
});

describe('a page of another site', () => {
  it('reaches nothing by a name that leads here', async () => {
    for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', '10.0.0.1']) {
      const reply = await visitor.get('/api/overview', { host });
      expect([host, reply.status]).toEqual([host, 421]);
    }
    for (const host of ['localhost', 'localhost:1', '[::1]:1', '127.0.0.1']) {
      expect((await visitor.get('/api/overview', { host })).status).toBe(200);
    }
  });

  it('sends no requests with the cookie of a user', async () => {
    const { cookie, url } = visitor;
    for (const site of ['cross-site', 'same-site']) {
      const reply = await visitor.get('/api/records', {
        'sec-fetch-site': site,
        'sec-fetch-mode': 'no-cors',
      });
      expect(reply.status).toBe(403);
    }
    // A link to the page may stand anywhere.
    const linked = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    expect((await visitor.get('/api/overview', linked)).status).toBe(200);
    const other = await send(url, `/api/evict?key=${KEY}`, { method: 'POST', headers: { cookie } });
    expect(other.status).toBe(403);
  });

  it.each([
    [{}, 403],
    [{ origin: 'null' }, 403],
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'http://127.0.0.1:1' }, 403],
    [{ origin: 'OWN', 'sec-fetch-site': 'same-site' }, 403],
    [{ 'sec-fetch-site': 'none' }, 403],
    [{ 'sec-fetch-site': 'same-origin' }, 200],
    [{ origin: 'OWN' }, 200],
    [{ origin: 'OWN', 'sec-fetch-site': 'same-origin' }, 200],
  ])('cannot change anything: %j is %i', async (given, status) => {
    const { cookie, url } = visitor;
    const headers = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value === 'OWN' ? url : value]),
    );
    const path = `/api/evict?key=${keyNumber(99)}`;
    const reply = await send(url, path, { method: 'POST', headers: { cookie, ...headers } });
    expect(reply.status).toBe(status);
  });

  it('gets the headers that keep it out of every answer', async () => {
    for (const reply of [await visitor.get('/api/overview'), await send(served.url, '/missing')]) {
      expect(reply.headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'cache-control': 'no-store',
      });
      expect(reply.headers['access-control-allow-origin']).toBeUndefined();
    }
  });
});

describe('a dashboard with a public URL', () => {
  const behind = async (publicUrl: string) => {
    const dashboard = await serveDashboard({ store, allowEvict: true, publicUrl });
    const link = await send(dashboard.url, dashboard.dashboard.newLink());
    return { ...dashboard, cookie: link.headers['set-cookie']?.[0] ?? '' };
  };

  it('answers to that name and to names of this machine', async () => {
    const { page, close } = await behind('https://dashboard.example');
    for (const host of ['dashboard.example', 'Dashboard.Example:443', 'localhost']) {
      expect((await page.get('/api/overview', { host })).status).toBe(200);
    }
    for (const host of ['evil.example', 'evil.dashboard.example', 'dashboard.example.evil']) {
      expect((await page.get('/api/overview', { host })).status).toBe(421);
    }
    close();
  });

  it.each([
    ['https://dashboard.example', 200],
    ['http://dashboard.example', 403],
    ['https://dashboard.example:1', 403],
    ['https://evil.example', 403],
  ])('answers a change from %s with %i', async (origin, status) => {
    const { page, close } = await behind('https://dashboard.example');
    const reply = await page.post(`/api/evict?key=${keyNumber(99)}`, { origin });
    expect(reply.status).toBe(status);
    close();
  });

  it('has a cookie that only travels with TLS, if its URL has TLS', async () => {
    const [secure, plain] = [await behind('https://a.example'), await behind('http://a.example')];
    expect(secure.cookie).toMatch(/; Path=\/; Secure$/);
    expect(plain.cookie).toMatch(/; Path=\/$/);
    secure.close();
    plain.close();
  });
});

describe('a dashboard without allowEvict', () => {
  it('refuses every change', async () => {
    const reading = await serveDashboard({ store });
    const reply = await reading.page.post(`/api/evict?key=${KEY}`);
    expect([reply.status, reply.json]).toEqual([403, { ...isProblem, status: 403 }]);
    expect((await store.read(KEY)).record).toBeDefined();
    reading.close();
  });
});

describe('samekey dashboard', () => {
  const running: RunningDashboard[] = [];
  let place: CliStore;
  beforeAll(async () => {
    place = (await CLI_STORES.find(({ name }) => name === 'SQLite')?.open()) as CliStore;
  });
  afterAll(async () => {
    await Promise.all(running.map((each) => each.stop('SIGKILL')));
    await place?.end();
  });

  it('serves the page that the build has made, and nothing else of the folder', async () => {
    const program = await startDashboard(place.address);
    running.push(program);
    const reader = await visit(program.link);
    const names = ['index.html', 'dashboard.css', 'dashboard.js', 'uplot.LICENSE'];
    for (const name of names) {
      const file = join(ROOT, 'dist/dashboard', name);
      const reply = await reader.get(`/${name}`);
      expect([name, reply.status]).toEqual([name, existsSync(file) ? 200 : 404]);
      if (reply.status === 200) expect(reply.text).toBe(readFileSync(file, 'utf8'));
      else expect(reply.json).toEqual({ ...isProblem, status: 404 });
    }
    for (const name of ['server.js', '../cli/samekey.js', '..%2fcli%2fsamekey.js', 'constructor']) {
      expect((await reader.get(`/${name}`)).status).toBe(404);
    }
    // Another link, on request.
    program.child.kill('SIGUSR2');
    await expect.poll(() => program.output().match(/token=/g)?.length).toBe(2);
    const [, second] = program.output().match(/http:\S+token=\S+/g) ?? [];
    expect((await visit(second as string)).cookie).toBe(reader.cookie);
    expect(await program.stop()).toBe(0);
  });

  it('prints the link at its public URL', async () => {
    const args = [...place.address, '--public-url', 'https://dashboard.example/'];
    const program = await startDashboard(args);
    running.push(program);
    expect(program.link).toMatch(/^https:\/\/dashboard\.example\/\?token=[\w-]{43}$/);
  });

  it('is without a token for this machine only', async () => {
    expectFailure(
      await samekey(['dashboard', ...place.address, '--host', '0.0.0.0', '--no-token']),
      2,
      'Cannot serve 0.0.0.0 with --no-token: other machines can reach it, wanted the token, or no --host',
    );
    const program = await startDashboard([...place.address, '--no-token']);
    running.push(program);
    expect((await send(program.link, '/api/overview')).status).toBe(200);
    const outer = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
    // 127.0.0.2 is this machine by another address, which stands in where there is no network.
    const { port } = new URL(program.link);
    await expect(send(`http://${outer ?? '127.0.0.2'}:${port}`, '/')).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const open = await startDashboard([...place.address, '--host', '0.0.0.0']);
    running.push(open);
    await expect.poll(() => open.output()).toContain('other machines can reach');
    const link = new URL(open.link);
    // One that a browser on this machine opens.
    expect(link.hostname).toBe('127.0.0.1');
    link.hostname = outer ?? '127.0.0.2';
    const visitor = await visit(link.href);
    expect((await visitor.get('/api/overview')).status).toBe(200);
    expect((await send(link.origin, '/api/overview')).status).toBe(401);
  });

  it.each([
    [['--store', 'sqlite:/missing/file'], 3, /sqlite:\/missing\/file: cannot be read \(ENOENT\)/],
    [['--store', 'memory:'], 2, /^Cannot open the store "memory:": wanted redis/],
    [
      ['--store', 'redis://user:secret@127.0.0.1:1'],
      3,
      /^redis:\/\/127\.0\.0\.1:1: cannot be opened/,
    ],
    [
      ['STORE', '--no-token', '--public-url', 'https://a.example'],
      2,
      'Cannot use --public-url with --no-token: other machines can reach the dashboard, wanted the token',
    ],
    [
      ['STORE', '--public-url', 'a.example'],
      2,
      'Cannot use the public URL of the dashboard: "a.example" is not a URL, wanted an address such as https://dashboard.example.com',
    ],
    [
      ['STORE', '--public-url', 'https://a.example/samekey/'],
      2,
      /^Cannot use the public URL of the dashboard: it has a path/,
    ],
    [['STORE', '--prefix', 'p:'], 2, /^Cannot use --prefix with sqlite: it is for Redis/],
    [['STORE', '--log', '/missing/log'], 3, '/missing/log: cannot be read (ENOENT)'],
    [['STORE', '--prices', '/missing/file'], 2, /^Cannot use --prices/],
    [
      ['STORE', '--port', '70000'],
      2,
      'Cannot listen on port 70000: wanted a number from 0 to 65535',
    ],
    [['STORE', '--host', '192.0.2.1', '--port', '0'], 2, /^Cannot listen on 192\.0\.2\.1/],
  ] as const)('refuses %j', async (args, code, message) => {
    const given = args.flatMap((each) => (each === 'STORE' ? place.address : each));
    expectFailure(await samekey(['dashboard', ...given]), code, message);
  });
});
