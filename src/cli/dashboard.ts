import type { Command } from 'commander';
import type { CallTally } from '../dashboard/tally.js';
import { printable } from '../text/printable.js';
import { DASHBOARD_PORT, linkOf, loadDashboard, onLinkWanted } from './dashboard-server.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { interruptedAfterStart } from './interrupt.js';
import { listenSomewhere } from './listen.js';
import { addStoreNameFlags, openStore, type StoreAddress } from './open-store.js';
import { print } from './output.js';
import { readPrices } from './prices-file.js';
import { version } from './version.js';

const HELP = `
The store is redis://…, rediss://…, postgres://…, mysql://…, sqlite:PATH, lmdb:PATH,
upstash:https://… or dynamodb:TABLE. SAMEKEY_STORE is read if --store is missing.
Open the link that the program prints. It works once, in one browser; SIGUSR2 prints
another one. See docs/dashboard.md.

Examples:
  samekey dashboard --store redis://localhost:6379
  samekey dashboard --store postgres://localhost/app --log /var/log/samekey.log
  samekey dashboard --store sqlite:./records.db --allow-evict`;

interface Flags extends StoreAddress {
  readonly port?: string;
  readonly host: string;
  readonly publicUrl?: string;
  readonly log?: string;
  readonly prices?: string;
  readonly allowEvict?: true;
  readonly token: boolean;
}

export function addDashboardCommand(program: Command): void {
  const command = program
    .command('dashboard')
    .description('serve a web page that shows the records of a store, live')
    .option('-s, --store <ADDRESS>', 'the store');
  addStoreNameFlags(command)
    .option(
      '--port <NUMBER>',
      `listen on this port only (default: ${DASHBOARD_PORT}, or any free port)`,
    )
    .option(
      '--host <ADDRESS>',
      'listen on this address; only this machine can reach the default',
      '127.0.0.1',
    )
    .option('--public-url <URL>', 'where browsers reach a server with TLS in front of it')
    .option('--log <FILE>', 'count the calls in this log of samekey proxy, and follow it')
    .option('--prices <FILE>', 'prices of the models, for lines of the log without a cost')
    .option('--allow-evict', 'let the page delete records that are not running')
    .option('--no-token', 'serve every user and program of this machine')
    .addHelpText('after', HELP)
    .action(runDashboard);
}

async function runDashboard(flags: Flags): Promise<void> {
  const { ending, started } = interruptedAfterStart();
  const { createDashboard, followLog, isLoopbackName } = await loadDashboard();
  const { host, publicUrl, token: hasToken, log: path } = flags;
  const isLoopback = isLoopbackName(host);
  if (!isLoopback && !hasToken) {
    throw usageError(
      `Cannot serve ${host} with --no-token: other machines can reach it, wanted the token, or no --host`,
    );
  }
  if (publicUrl !== undefined && !hasToken) {
    throw usageError(
      'Cannot use --public-url with --no-token: other machines can reach the dashboard, wanted the token',
    );
  }
  if (flags.prices !== undefined && path === undefined) {
    throw usageError('Cannot use --prices: the prices are for the calls of a log, wanted --log');
  }
  const prices = flags.prices === undefined ? undefined : await readPrices(flags.prices);
  const opened = await openStore(flags, { isLasting: true, isReading: true });
  const dashboard = createDashboard({
    version: version(),
    source: 'store',
    store: opened.store,
    hasCalls: path !== undefined,
    allowEvict: flags.allowEvict === true,
    isLoopback,
    publicUrl,
    hasToken,
  });
  const follow = async (tally: CallTally, file: string) => {
    try {
      return await followLog(file, tally, prices);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new CliError(
        EXIT.unreadable,
        `${printable(file)}: cannot be read (${code ?? message})`,
      );
    }
  };
  try {
    const log = path === undefined ? undefined : await follow(dashboard.tally, path);
    try {
      onLinkWanted(dashboard, (link) => process.stdout.write(`samekey dashboard: ${link}\n`));
      await listenSomewhere(dashboard.server, host, flags.port, DASHBOARD_PORT);
      started();
      if (!isLoopback) {
        process.stderr.write('samekey: other machines can reach the dashboard, without TLS\n');
      }
      await print(`samekey dashboard: ${linkOf(dashboard)}\nCtrl-C stops it.\n`);
      await ending;
    } finally {
      dashboard.close();
      await log?.close();
    }
  } finally {
    // A store that cannot be reached must not delay the end.
    await Promise.race([opened.close(), timeout(CLOSE_MS)]);
  }
  process.exit(EXIT.ok);
}

const CLOSE_MS = 2000;
const timeout = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
