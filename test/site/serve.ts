import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.md': 'text/markdown; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

export interface ServedSite {
  /** With the path of the site, which ends with a slash. */
  readonly address: string;
  /** The paths that were asked for and do not exist. */
  readonly missing: string[];
  close(): Promise<void>;
}

/**
 * Serves a folder under `base` as any static host does: files, gzip, 404.html. `inject` is put into
 * each page, and `onReport` receives what pages post to /report.
 */
export async function serveSite(
  folder: string,
  base: string,
  { inject = '', onReport = (_: unknown) => {} } = {},
): Promise<ServedSite> {
  const missing: string[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://site');
    if (request.method === 'POST') {
      readAll(request).then((text) => {
        onReport(JSON.parse(text));
        response.end();
      });
      return;
    }
    let file = join(folder, decodeURIComponent(pathname.slice(base.length)));
    if (pathname.startsWith(base) && existsSync(file) && statSync(file).isDirectory()) {
      file = join(file, 'index.html');
    }
    const isFound = pathname.startsWith(base) && existsSync(file);
    if (!isFound) {
      missing.push(pathname);
      file = join(folder, '404.html');
    }
    const type = TYPES[extname(file)] ?? 'application/octet-stream';
    const bytes = readFileSync(file);
    const body = type.startsWith('text/html') ? bytes + inject : bytes;
    response.writeHead(isFound ? 200 : 404, { 'content-type': type, 'content-encoding': 'gzip' });
    response.end(gzipSync(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${base}`,
    missing,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}
