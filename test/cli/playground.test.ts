import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ServedPlayground, servePlayground } from '../playground/page.js';
import { expectFailure, ROOT, samekey } from './program.js';

const running: ServedPlayground[] = [];

async function serve(...args: string[]): Promise<ServedPlayground> {
  const served = await servePlayground(...args);
  running.push(served);
  return served;
}

afterEach(async () => {
  for (const served of running.splice(0)) await served.stop();
});

/** Sends a request without the normalization that `fetch` does. */
function rawRequest(address: string, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    socket.on('end', () => resolve(text)).on('error', reject);
    socket.write(`${head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  });
}

describe('samekey playground', () => {
  it('serves the files of dist/playground with their content types', async () => {
    const { address } = await serve('--port', '0');
    const types: Record<string, string> = {
      html: 'text/html; charset=utf-8',
      css: 'text/css; charset=utf-8',
      js: 'text/javascript; charset=utf-8',
      LICENSE: 'text/plain; charset=utf-8',
    };
    const folder = join(ROOT, 'dist/playground');
    const names = readdirSync(folder);
    expect(names.length).toBe(5);
    for (const name of ['', ...names]) {
      const response = await fetch(new URL(name, address));
      const file = name === '' ? 'index.html' : name;
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(types[file.split('.').at(-1) as string]);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(await response.text()).toBe(readFileSync(join(folder, file), 'utf8'));
    }
    const head = await fetch(address, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('contains the library byte for byte', () => {
    const [ours, library] = ['playground/samekey.js', 'index.js'].map((name) =>
      readFileSync(join(ROOT, 'dist', name)),
    );
    expect(ours?.equals(library as Buffer)).toBe(true);
  });

  it.each([
    [[], "script-src 'self' 'wasm-unsafe-eval';"],
    [['--strict-csp'], "script-src 'self';"],
  ])('restricts the page by a content security policy: %j', async (args, scripts) => {
    const { address } = await serve('--port', '0', ...args);
    for (const path of ['', 'missing']) {
      const response = await fetch(new URL(path, address));
      const policy = response.headers.get('content-security-policy');
      expect(policy).toContain(`default-src 'none'; ${scripts} style-src 'self';`);
      expect(policy).not.toContain('unsafe-inline');
    }
  });

  it.each([[[]], [['--strict-csp']]])(
    'has a policy that agrees with the one in the page, which is all that a static host has: %j',
    async (args: string[]) => {
      const { address } = await serve('--port', '0', ...args);
      const response = await fetch(address);
      const [, inPage = ''] =
        /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(await response.text()) ?? [];
      const inHeader = response.headers.get('content-security-policy') ?? '';
      // A page cannot say itself who may show it in a frame.
      const expected = inHeader.replace("; frame-ancestors 'none'", '');
      expect(expected).not.toBe(inHeader);
      // A browser obeys both policies: the header of --strict-csp forbids WebAssembly.
      expect(inPage.replace(args.length > 0 ? " 'wasm-unsafe-eval'" : '', '')).toBe(expected);
      expect(inPage).toContain("default-src 'none'");
    },
  );

  it.each([
    ['GET /missing', 404],
    ['GET /../../package.json', 404],
    ['GET /..%2f..%2fpackage.json', 404],
    ['GET //etc/passwd', 404],
    ['GET /constructor', 404],
    ['GET /?x=1', 200],
    ['POST /', 405],
    ['DELETE /index.html', 405],
  ])('answers %s with %i', async (head, status) => {
    const { address } = await serve('--port', '0');
    expect(await rawRequest(address, head)).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'exits cleanly on %s, also with an open connection',
    async (signal) => {
      const served = await servePlayground('--port', '0');
      // An idle connection, as browsers keep it.
      const socket = connect(Number(new URL(served.address).port), '127.0.0.1');
      await new Promise((resolve) => socket.on('connect', resolve));
      socket.on('error', () => {});
      expect(await served.stop(signal)).toBe(0);
      socket.destroy();
    },
  );

  it('uses another port if the default one is in use, but not instead of --port', async () => {
    const first = await serve();
    const second = await serve();
    expect(new URL(second.address).port).not.toBe(new URL(first.address).port);
    const { port } = new URL(first.address);
    expectFailure(
      await samekey(['playground', '--port', port]),
      2,
      `Cannot listen on 127.0.0.1, port ${port}: another program uses it, wanted a free port (EADDRINUSE)`,
    );
  });

  it.each(['65536', '-1', 'http', ''])('refuses the port "%s"', async (port) => {
    expectFailure(
      await samekey(['playground', `--port=${port}`]),
      2,
      `Cannot listen on port ${port}: wanted a number from 0 to 65535`,
    );
  });

  it('refuses an address that is not of this machine', async () => {
    // RFC 5737 §3: reserved, so no machine has it.
    expectFailure(
      await samekey(['playground', '--port', '0', '--host', '192.0.2.1']),
      2,
      /^Cannot listen on 192\.0\.2\.1, port 0: this machine does not have that address/,
    );
  });

  it('is served to this machine only, without --host', async () => {
    const outer = Object.values(networkInterfaces())
      .flat()
      .find((each) => each?.family === 'IPv4' && !each.internal)?.address;
    const reach = (address: string, host: string) =>
      new Promise<string>((resolve) => {
        const { port } = new URL(address);
        request({ host, port, path: '/' }, ({ statusCode }) => resolve(String(statusCode)))
          .on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
          .end();
      });
    const inner = await serve('--port', '0');
    expect(await reach(inner.address, '127.0.0.1')).toBe('200');
    const open = await serve('--port', '0', '--host');
    expect(await reach(open.address, '127.0.0.1')).toBe('200');
    // 127.0.0.2 is this machine by another address, which stands in where there is no network.
    const other = outer ?? '127.0.0.2';
    expect(await reach(inner.address, other)).toBe('ECONNREFUSED');
    expect(await reach(open.address, other)).toBe('200');
  });

  it('is published by copying its folder: nothing in it is named by an absolute path', async () => {
    const folder = join(ROOT, 'dist/playground');
    const page = readFileSync(join(folder, 'index.html'), 'utf8');
    const links = [...page.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(3);
    expect(links.filter((link) => !/^(\.\/|data:)/.test(link as string))).toEqual([]);
    expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/);
    const script = readFileSync(join(folder, 'playground.js'), 'utf8');
    const imports = [...script.matchAll(/\bimport\{[^}]*\}from"([^"]+)"/g)];
    expect(new Set(imports.map(([, from]) => from))).toEqual(new Set(['./samekey.js']));
  });
});
