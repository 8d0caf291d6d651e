import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import type { Command } from 'commander';
import { usageError } from './exit-codes.js';
import { interrupted } from './interrupt.js';
import { listen } from './listen.js';
import { addStoreNameFlags, openStore, type StoreAddress } from './open-store.js';
import { print } from './output.js';

/** Beside 7263 of the playground. */
const DEFAULT_PORT = 7264;

type Flags = StoreAddress & {
  readonly port?: string;
  readonly host?: string;
  readonly allowEvict?: true;
  readonly token: boolean;
};

export function addDashboardCommand(program: Command): void {
  const command = program
    .command('dashboard')
    .description('serve a web page that shows the records of a store, live')
    .option('-s, --store <ADDRESS>', 'the store');
  addStoreNameFlags(command)
    .option('--port <NUMBER>', `listen on this port (default: ${DEFAULT_PORT}, or any free port)`)
    .option('--host <ADDRESS>', 'listen on this address (default: this machine only)')
    .option('--allow-evict', 'let the page delete records that are not running')
    .option('--no-token', 'serve every program on this machine, without the token of the link')
    .action(runDashboard);
}

async function runDashboard(flags: Flags): Promise<void> {
  const path = new URL('../dashboard/server.js', import.meta.url).href;
  const { createDashboard, isLoopbackName } = (await import(
    path
  )) as typeof import('../dashboard/server.js');
  const host = flags.host ?? '127.0.0.1';
  const isLoopback = isLoopbackName(host);
  if (!isLoopback && !flags.token) {
    throw usageError(
      `Cannot serve ${host} with --no-token: other machines can reach it, wanted the token, or no --host`,
    );
  }
  const opened = await openStore(flags, { isLasting: true });
  const ending = interrupted();
  const dashboard = createDashboard({
    version: version(),
    source: 'store',
    store: opened.store,
    hasCalls: false,
    allowEvict: flags.allowEvict === true,
    isLoopback,
    hasToken: flags.token,
  });
  await listenSomewhere(dashboard.server, host, flags.port);
  const address = addressOf(dashboard.server);
  await print(`samekey dashboard: ${address}${dashboard.newLink()}\nCtrl-C stops it.\n`);
  await ending;
  dashboard.close();
  await opened.close();
}

async function listenSomewhere(server: Server, host: string, given: string | undefined) {
  if (given !== undefined) return listen(server, { port: toPort(given), host });
  try {
    await listen(server, { port: DEFAULT_PORT, host });
  } catch (error) {
    if (!(error as Error).message.includes('EADDRINUSE')) throw error;
    await listen(server, { port: 0, host });
  }
}

function toPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw usageError(`Cannot listen on port ${text}: wanted a number from 0 to 65535`);
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
