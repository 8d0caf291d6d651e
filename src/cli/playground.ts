import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Command } from 'commander';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { interrupted } from './interrupt.js';
import { listen } from './listen.js';
import { print } from './output.js';

/** SAME on the keys of a telephone. */
const DEFAULT_PORT = 7263;

/** What is served, all of it: no other path leads anywhere. */
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
    .description('serve a page that shows how a request becomes its key')
    .option(
      '--port <number>',
      `listen on that port, and no other (default: ${DEFAULT_PORT} or any)`,
    )
    .option('--host [address]', 'listen on an address, or on all, not on this machine alone')
    .option('--strict-csp', 'forbid the page WebAssembly, to see it without')
    .addHelpText(
      'after',
      `
The page does its work in the browser and sends nothing anywhere. Ctrl-C ends the server.

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
  if (flags.port === undefined) await listenSomewhere(server, host);
  else await listen(server, { port: toPort(flags.port), host });
  const end = interrupted();
  await print(`samekey playground: ${addressOf(server)}\nCtrl-C ends it.\n`);
  await end;
  server.close();
  // A browser keeps its connections for the next request.
  server.closeAllConnections();
}

function toPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw usageError(`Cannot listen on port ${text}: wanted a number from 0 to 65535`);
}

async function listenSomewhere(server: Server, host: string | undefined): Promise<void> {
  try {
    await listen(server, { port: DEFAULT_PORT, host });
  } catch (error) {
    if (!(error as Error).message.includes('EADDRINUSE')) throw error;
    await listen(server, { port: 0, host });
  }
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  const isAny = address === '::' || address === '0.0.0.0';
  const host = isAny ? 'localhost' : isIPv6(address) ? `[${address}]` : address;
  return `http://${host}:${port}/${isAny ? ' and at every address of this machine' : ''}`;
}

/** The files beside this program, by the path they are asked for. */
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
    // The next version of samekey is served at the same address.
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
    const more = isRead ? {} : { Allow: 'GET, HEAD' };
    response.writeHead(status, { ...headers, ...more, 'Content-Type': 'text/plain' });
    response.end(isRead ? 'There is no such file.\n' : 'Wanted GET or HEAD.\n');
  });
}

/** What the page may do: run its own files, and nothing that reaches out. */
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
