import type { Command } from 'commander';
import {
  configFromEnv,
  configFromJson,
  type Idempotency,
  type IdempotencyConfig,
  idempotency,
} from '../once/config.js';
import type { ProxyLog, ProxyServer } from '../proxy/proxy.js';
import { accountIn } from '../request/account.js';
import { printable } from '../text/printable.js';
import { DASHBOARD_PORT, linkOf, loadDashboard, onLinkWanted } from './dashboard-server.js';
import { encryptionOf } from './encryption-keys.js';
import { EXIT, usageError } from './exit-codes.js';
import { addFlag } from './flag.js';
import { requireScope } from './identity-options.js';
import { readSettings } from './input.js';
import { exitCodeOf, interruptedAfterStart, SIGNALS } from './interrupt.js';
import { listen, urlOf } from './listen.js';
import { type OpenedStore, openStore, type StoreAddress } from './open-store.js';
import { readPriceList } from './prices-file.js';
import { PROXY_FLAGS, type ProxyFlags, proxyFlags } from './proxy-flags.js';
import { PROXY_SENTENCES } from './proxy-sentences.js';
import { version } from './version.js';

const HELP = `
Use it as the base URL of a client: OpenAI(base_url="http://127.0.0.1:8787/v1").
Each POST or PATCH request is sent at most once. A duplicate joins the running
request or gets its stored response, as the header samekey says. Other requests
pass through. A store is redis://…, upstash:https://… (with the variable
UPSTASH_REDIS_REST_TOKEN), postgres://…, mysql://…, dynamodb:TABLE, lmdb:PATH or
sqlite:PATH (both created if they do not exist) or memory:. The log goes to
standard output as JSON Lines. See docs/proxy.md.

Examples:
  samekey proxy --upstream https://api.openai.com --preset openai
  samekey proxy --upstream https://api.anthropic.com -p anthropic --store lmdb:./records
  samekey proxy --upstream https://api.openai.com --store redis://localhost --config samekey.json`;

/** The variable that is read if the flag is missing: `SAMEKEY_STORE` or `SAMEKEY_CONFIG`. */
const variableOf = (name: 'store' | 'config') => `SAMEKEY_${name.toUpperCase()}`;

/** What commander gives: lists are absent rather than empty. */
type CommandFlags = StoreAddress &
  Omit<ProxyFlags, ListFlag | keyof StoreAddress> &
  Partial<Pick<ProxyFlags, ListFlag>>;
type ListFlag = 'preset' | 'exclude' | 'scope' | 'ignoreHeader' | 'pass';

export function addProxyCommand(program: Command): void {
  const command = program
    .command('proxy')
    .description('run a proxy that sends each request to an API at most once');
  for (const name of Object.keys(proxyFlags) as (keyof typeof proxyFlags)[]) {
    addFlag(command, PROXY_FLAGS[name], proxyFlags[name], PROXY_SENTENCES[name], {
      ...((name === 'store' || name === 'config') && { variable: variableOf(name) }),
      ...(name === 'dashboard' && { preset: String(DASHBOARD_PORT) }),
    });
  }
  command.addHelpText('after', HELP).action(runProxy);
}

async function runProxy(flags: CommandFlags, command: Command): Promise<void> {
  // Before everything that takes time: an unhandled signal would reset connections.
  const { ending, started } = interruptedAfterStart();
  requireDashboardFor(command);
  requireScope(flags.scope);
  // The proxy and its dependencies are loaded only for this command.
  const path = new URL('../proxy/proxy.js', import.meta.url).href;
  const { createLog, createProxy, isLoopbackName, upstreamAddress } = (await import(
    path
  )) as typeof import('../proxy/proxy.js');
  const upstream = upstreamAddress(flags.upstream);
  const { config, identity, onceOptions } = await idempotencyOf(flags, command);
  const codec = await encryptionOf(flags);
  const prices =
    flags.prices === undefined ? undefined : (await readPriceList(flags.prices)).options;
  const opened = await openStore(flags, { isLasting: true });
  const log = createLog(flags.logLevel);
  const isLoopback = isLoopbackName(flags.host);
  const { dashboardHost } = flags;
  const dashboardServer = flags.dashboard === undefined ? undefined : await loadDashboard();
  const dashboard = dashboardServer?.createDashboard({
    version: version(),
    source: 'proxy',
    store: opened.store,
    hasCalls: true,
    allowEvict: flags.allowEvict,
    // A replay comes from the memory of the proxy as well.
    evict: (key) => proxy.evict(key),
    isLoopback: isLoopbackName(dashboardHost),
    publicUrl: flags.dashboardPublicUrl,
    hasToken: true,
  });
  const proxy: ProxyServer = createProxy({
    upstream,
    once: {
      ...onceOptions(opened.store),
      ...(codec && { codec }),
      ...prices,
      // The proxy has another copy of the library, which knows only its own identities.
      identity: { ...identity },
      headerName: config.headerName,
      keyPrefix: config.keyPrefix,
      ...(flags.keyFormat !== 'any' && { keyFormat: flags.keyFormat }),
      providerState: flags.providerState,
      ignoredHeaders: flags.ignoreHeader ?? [],
      ...(flags.accountHeader !== undefined && { account: accountBy(flags.accountHeader) }),
      limits: limitsOf(flags),
    },
    passedPaths: flags.pass ?? [],
    maxBodyBytes: flags.maxBody,
    maxHeldBytes: flags.maxHeld,
    maxSpilledBytes: flags.maxSpill,
    idleMs: flags.idle,
    isLoopback,
    hasMetricsPort: flags.metricsPort !== undefined,
    log,
    onCall: dashboard && ((call) => dashboardServer?.countLine(dashboard.tally, call, Date.now())),
    onSaved: dashboard && ((saved) => dashboard.tally.save(saved)),
  });
  try {
    const { host, port, metricsPort } = flags;
    if (metricsPort !== undefined) await listen(proxy.metricsServer, { port: metricsPort, host });
    if (dashboard !== undefined) {
      await listen(dashboard.server, {
        port: flags.dashboard ?? DASHBOARD_PORT,
        host: dashboardHost,
      });
      onLinkWanted(dashboard, printLink);
    }
    // Last: if another port cannot be opened, no request has been sent upstream.
    await listen(proxy.server, { port, host, backlog: BACKLOG });
  } catch (error) {
    await opened.close();
    throw error;
  }
  started();
  log.info(
    {
      url: urlOf(proxy.server),
      metricsUrl: flags.metricsPort === undefined ? undefined : urlOf(proxy.metricsServer),
      dashboardUrl: dashboard && urlOf(dashboard.server),
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
  if (dashboard !== undefined) {
    if (!isLoopbackName(dashboardHost)) {
      log.warn({ host: dashboardHost }, 'other machines can reach the dashboard, without TLS');
    }
    printLink(linkOf(dashboard));
    ending.then(() => dashboard.close());
  }
  await untilEnded(ending, proxy, opened, log, flags.grace);
}

/** Refuses flags of a dashboard that is not served. */
function requireDashboardFor(command: Command): void {
  if (command.getOptionValue('dashboard') !== undefined) return;
  for (const name of ['dashboardHost', 'dashboardPublicUrl', 'allowEvict'] as const) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    const [flag] = PROXY_FLAGS[name].split(' ');
    throw usageError(`Cannot use ${flag}: it is for the dashboard, wanted --dashboard`);
  }
}

/** The log must not have the token: it is read by more people than this terminal. */
function printLink(link: string): void {
  process.stderr.write(`samekey proxy: the dashboard is ${link}\n`);
}

/** Returns the option `account` for the header that alone names the account. */
function accountBy(header: string): (headers: Headers) => string {
  const name = header.toLowerCase();
  return (headers) => accountIn(headers, name);
}

const limitsOf = ({ keysPerMinute, storedBytesPerAccount, waitingPerKey }: CommandFlags) => ({
  ...(keysPerMinute !== undefined && { keysPerMinute }),
  ...(storedBytesPerAccount !== undefined && { storedBytesPerAccount }),
  ...(waitingPerKey !== undefined && { waitingPerKey }),
});

/** Flags take precedence over environment variables, and these over the file. */
async function idempotencyOf(
  { config: file, preset, exclude, scope, encryptEnv = '' }: CommandFlags,
  command: Command,
): Promise<Idempotency> {
  const isFlag = command.getOptionValueSource('config') === 'cli';
  // It may begin with SAMEKEY_, and is no setting.
  const { [encryptEnv]: _, ...env } = process.env;
  const given: Partial<IdempotencyConfig> = {
    // `idempotency` checks it.
    ...(preset && { presets: preset as IdempotencyConfig['presets'] }),
    ...(exclude && { excludedFields: exclude }),
    ...(scope && { scope }),
  };
  try {
    return idempotency({
      ...(file === undefined
        ? {}
        : await configIn(file, isFlag ? '--config' : variableOf('config'))),
      ...configFromEnv(env),
      ...given,
    });
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (code.startsWith('SAMEKEY_')) throw usageError(message);
    throw error;
  }
}

/** Reads the file that a flag or a variable names. */
async function configIn(path: string, flag: string): Promise<Partial<IdempotencyConfig>> {
  const bytes = await readSettings(path, flag);
  try {
    return configFromJson(bytes.toString());
  } catch (error) {
    const { message } = error as Error;
    throw usageError(`${flag} ${printable(path)}: ${message.replace(/^Cannot .*?: /s, '')}`);
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
      process.exit(exitCodeOf(signal));
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
