import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Command } from 'commander';
import { CliError, EXIT } from './exit-codes.js';
import { interrupted } from './interrupt.js';
import { isOnAllAddresses, listenSomewhere, urlOf } from './listen.js';
import { print } from './output.js';

/** SAME on the keys of a telephone. */
const DEFAULT_PORT = 7263;

/** All files that the server serves. */
const FILES: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'playground.css': 'text/css; charset=utf-8',
  'playground.js': 'text/javascript; charset=utf-8',
  'samekey.js': 'text/javascript; charset=utf-8',
  'uplot.LICENSE': 'text/plain; charset=utf-8',
};

interface PlaygroundFlags {
  readonly port?: string;
  readonly host?: string | true;
  readonly strictCsp?: true;
}

export function addPlaygroundCommand(program: Command): void {
  program
    .command('playground')
    .description('serve a web page that shows how the key of a request is derived')
    .option(
      '--port <number>',
      `listen on this port only (default: ${DEFAULT_PORT}, or any free port)`,
    )
    .option('--host [address]', 'listen on this address, or on all (default: this machine only)')
    .option('--strict-csp', 'forbid WebAssembly by the content security policy')
    .addHelpText(
      'after',
      `
The page works in the browser only and sends nothing. Ctrl-C stops the server.

Examples:
  samekey playground
  samekey playground --port 8080
  samekey playground --host`,
    )
    .action(runPlayground);
}

async function runPlayground(flags: PlaygroundFlags): Promise<void> {
  const server = createPageServer(readPage(), flags.strictCsp === true);
  const host = flags.host === true ? undefined : (flags.host ?? '127.0.0.1');
  await listenSomewhere(server, host, flags.port, DEFAULT_PORT);
  const end = interrupted();
  const others = isOnAllAddresses(server) ? ' and all addresses of this machine' : '';
  await print(`samekey playground: ${urlOf(server)}/${others}\nCtrl-C stops it.\n`);
  await end;
  server.close();
  // A browser keeps idle connections open, which would delay the end.
  server.closeAllConnections();
}

/** Reads the files of the page, by URL path. */
function readPage(): Map<string, { type: string; bytes: Uint8Array }> {
  const page = new Map(
    Object.entries(FILES).map(([name, type]) => {
      try {
        const bytes = readFileSync(new URL(`../playground/${name}`, import.meta.url));
        return [`/${name}`, { type, bytes }];
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        throw new CliError(EXIT.unreadable, `dist/playground/${name}: cannot be read (${code})`);
      }
    }),
  );
  const index = page.get('/index.html');
  if (index !== undefined) page.set('/', index);
  return page;
}

function createPageServer(page: ReturnType<typeof readPage>, isStrict: boolean): Server {
  const headers = {
    'Content-Security-Policy': contentSecurityPolicy(isStrict),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    // Another version of samekey may serve the same address next.
    'Cache-Control': 'no-store',
  };
  return createServer(({ method, url = '' }, response) => {
    const file = page.get(url.split(/[?#]/, 1)[0] as string);
    const isRead = method === 'GET' || method === 'HEAD';
    if (isRead && file !== undefined) {
      const length = { 'Content-Type': file.type, 'Content-Length': file.bytes.length };
      response.writeHead(200, { ...headers, ...length }).end(file.bytes);
      return;
    }
    const status = isRead ? 404 : 405;
    const allow = isRead ? {} : { Allow: 'GET, HEAD' };
    response.writeHead(status, { ...headers, ...allow, 'Content-Type': 'text/plain' });
    response.end(isRead ? 'Not found.\n' : 'Method not allowed, wanted GET or HEAD.\n');
  });
}

/** The page may run its own files, and must not connect to anything. */
function contentSecurityPolicy(isStrict: boolean): string {
  return [
    "default-src 'none'",
    `script-src 'self'${isStrict ? '' : " 'wasm-unsafe-eval'"}`,
    "style-src 'self'",
    "img-src 'self' data:",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
