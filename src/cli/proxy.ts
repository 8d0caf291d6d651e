import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  configFromEnv,
  configFromJson,
  type Idempotency,
  type IdempotencyConfig,
  idempotency,
} from '../once/config.js';
import type { LogLevel, ProxyLog, ProxyServer } from '../proxy/proxy.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { interrupted, SIGNALS } from './interrupt.js';
import { listen } from './listen.js';
import { type OpenedStore, openStore, type StoreAddress } from './open-store.js';
import { readPriceList } from './prices-file.js';

const DEFAULT_PORT = 8787;

const HELP = `
Use it as the base URL of a client: OpenAI(base_url="http://127.0.0.1:8787/v1").
Each POST or PATCH request is sent at most once. A duplicate joins the running
request or gets its stored response, as the header samekey says. Other requests
pass through. A store is redis://…, postgres://…, lmdb:PATH (created if it does
not exist) or memory:. The log goes to standard output as JSON Lines. See
docs/proxy.md.

Examples:
  samekey proxy --upstream https://api.openai.com --preset openai
  samekey proxy --upstream https://api.anthropic.com -p anthropic --store lmdb:./records
  samekey proxy --upstream https://api.openai.com --store redis://localhost --config samekey.json`;

interface Flags extends StoreAddress {
  readonly upstream: string;
  readonly port?: number;
  readonly host: string;
  readonly metricsPort?: number;
  readonly preset?: readonly string[];
  readonly exclude?: readonly string[];
  readonly scope?: readonly string[];
  readonly ignoreHeader?: readonly string[];
  readonly keyFormat: 'samekey' | 'uuid' | 'any';
  readonly pass?: readonly string[];
  readonly config?: string;
  readonly prices?: string;
  readonly maxBody: number;
  readonly idle: number;
  readonly grace: number;
  readonly logLevel: LogLevel;
}

const repeated = (value: string, before: readonly string[] = []) => [...before, value];

export function addProxyCommand(program: Command): void {
  program
    .command('proxy')
    .description('run a proxy that sends each request to an API at most once')
    .requiredOption('-u, --upstream <URL>', 'the API')
    .option('-s, --store <ADDRESS>', 'where answers are kept', 'memory:')
    .option('--prefix <TEXT>', 'of the keys in Redis; samekey: unless given')
    .option('--table <NAME>', 'in PostgreSQL; samekey_records unless given')
    .option('--port <NUMBER>', 'listen on that port', toPort, DEFAULT_PORT)
    .option('--host <ADDRESS>', 'listen for others than this machine', '127.0.0.1')
    .option('--metrics-port <NUMBER>', 'answer /metrics and /health there, not at /-/', toPort)
    .option('-p, --preset <NAME>', 'leave out what differs between attempts; repeatable', repeated)
    .option('-x, --exclude <PATH>', 'leave out what is at this path; repeatable', repeated)
    .option('--scope <TEXT>', 'tenant, environment, …, outermost first; repeatable', repeated)
    .option('--ignore-header <NAME>', 'that differs between attempts; repeatable', repeated)
    .addOption(
      new Option('--key-format <NAME>', 'which keys of clients are taken')
        .choices(['samekey', 'uuid', 'any'])
        .default('samekey'),
    )
    .option('--pass <PATH>', 'only pass what begins with it; repeatable', repeated)
    .option('--config <FILE>', 'JSON with the settings of samekey/once; variables SAMEKEY_… too')
    .option('--prices <FILE>', 'what a million tokens of each model cost, as JSON')
    .option('--max-body <SIZE>', 'of a request that gets a key', toBytes, 64 * 1024 ** 2)
    .option('--idle <TIME>', 'how long the API may say nothing', toMs, 5 * 60_000)
    .option('--grace <TIME>', 'for answers under way, when it is to end', toMs, 30_000)
    .addOption(
      new Option('--log-level <NAME>', 'what is logged')
        .choices(['debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addHelpText('after', HELP)
    .action(runProxy);
}

async function runProxy(flags: Flags): Promise<void> {
  // The proxy and its dependencies are loaded only for this command.
  const path = new URL('../proxy/proxy.js', import.meta.url).href;
  const { createLog, createProxy, isLoopbackName, upstreamAddress } = (await import(
    path
  )) as typeof import('../proxy/proxy.js');
  const upstream = upstreamAddress(flags.upstream);
  const { config, identity, onceOptions } = idempotencyOf(flags);
  const prices = flags.prices && (await readPriceList(flags.prices)).options;
  const opened = await openStore(flags, { isLasting: true });
  const log = createLog(flags.logLevel);
  const isLoopback = isLoopbackName(flags.host);
  const proxy = createProxy({
    upstream,
    once: {
      ...onceOptions(opened.store),
      ...prices,
      identity,
      headerName: config.headerName,
      keyPrefix: config.keyPrefix,
      keyFormat: flags.keyFormat === 'any' ? /^/ : flags.keyFormat,
      ignoredHeaders: flags.ignoreHeader ?? [],
    },
    passedPaths: flags.pass ?? [],
    maxBodyBytes: flags.maxBody,
    idleMs: flags.idle,
    isLoopback,
    hasMetricsPort: flags.metricsPort !== undefined,
    log,
  });
  // Handles signals before listening: an unhandled signal would reset connections.
  const ending = interrupted();
  try {
    const { host, port = DEFAULT_PORT, metricsPort } = flags;
    await listen(proxy.server, { port, host, backlog: BACKLOG });
    if (metricsPort !== undefined) await listen(proxy.metricsServer, { port: metricsPort, host });
  } catch (error) {
    await opened.close();
    throw error;
  }
  log.info(
    {
      url: urlOf(proxy.server),
      metricsUrl: flags.metricsPort === undefined ? undefined : urlOf(proxy.metricsServer),
      upstream: flags.upstream,
      store: opened.store.name,
    },
    'listening',
  );
  if (!isLoopback) {
    log.warn({ host: flags.host }, 'other machines can reach the proxy, without TLS');
  }
  if (upstream.origin.startsWith('http:') && !isLoopbackName(new URL(upstream.origin).hostname)) {
    log.warn({ upstream: upstream.origin }, 'credentials go to the upstream without TLS');
  }
  await untilEnded(ending, proxy, opened, log, flags.grace);
}

/** Flags take precedence over environment variables, and these over the file. */
function idempotencyOf({ config: file, preset, exclude, scope }: Flags): Idempotency {
  const given: Partial<IdempotencyConfig> = {
    // `idempotency` checks it.
    ...(preset && { presets: preset as IdempotencyConfig['presets'] }),
    ...(exclude && { excludedFields: exclude }),
    ...(scope && { scope }),
  };
  try {
    return idempotency({
      ...(file === undefined ? {} : configFromJson(readFileSync(file, 'utf8'))),
      ...configFromEnv(process.env),
      ...given,
    });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code.startsWith('SAMEKEY_')) throw usageError(message);
    throw new CliError(EXIT.unreadable, `${file}: cannot be read (${code})`);
  }
}

/** Waits for a signal, finishes running requests, and exits. A second signal exits at once. */
async function untilEnded(
  ending: Promise<NodeJS.Signals>,
  proxy: ProxyServer,
  opened: OpenedStore,
  log: ProxyLog,
  graceMs: number,
): Promise<void> {
  const first = await ending;
  for (const signal of SIGNALS) {
    // The log must still be written.
    process.once(signal, async () => {
      await log.end();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    });
  }
  await proxy.stopListening();
  log.info({ signal: first }, 'ending');
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), graceMs);
  });
  const isDone = await Promise.race([proxy.drain().then(() => true), timeout]);
  clearTimeout(timer);
  if (!isDone) {
    log.warn({ graceMs }, 'cut off requests that were still running');
    proxy.cut();
  }
  // A store that cannot finish its writes must not delay the exit.
  await Promise.race([
    opened.close(),
    new Promise((resolve) => setTimeout(resolve, CLOSE_MS).unref()),
  ]);
  log.info('ended');
  await log.end();
  process.exit(EXIT.ok);
}

const CLOSE_MS = 2000;

/** How many connections may wait: duplicates arrive together. The system may have a lower limit. */
const BACKLOG = 4096;

function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

function toPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('Wanted a number from 0 to 65535.');
}

const MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

function toMs(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Number(count) * (MS[unit] ?? Number.NaN);
  // The longest timer of Node.js.
  if (ms >= 1 && ms < 2 ** 31) return ms;
  throw new InvalidArgumentError('Wanted a time such as 500ms, 30s or 5m.');
}

const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

function toBytes(text: string): number {
  const [, count = '', unit = '?'] = /^(\d{1,15})(KiB|MiB|GiB|)$/.exec(text) ?? [];
  const bytes = Number(count) * (BYTES[unit] ?? Number.NaN);
  if (bytes >= 1 && bytes <= 2 * 1024 ** 3) return bytes;
  throw new InvalidArgumentError('Wanted a size such as 1000000 or 64MiB, at most 2GiB.');
}
