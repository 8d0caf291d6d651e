import { fetchOptions } from '../fetch/options.js';
import { HEADER_NAME } from '../key/header-options.js';
import { configOptions } from '../once/config-options.js';
import { encryptedCodecOptions } from '../once/encrypted-codec.js';
import {
  byteCount,
  choice,
  duration,
  flag,
  required,
  type SettingsOf,
  specs,
  text,
  textList,
  wholeNumber,
} from '../options/spec.js';
import type { LogLevel } from '../proxy/proxy.js';
import { headerNames } from '../request/options.js';
import { exchangeOptions, limitOptions } from '../response/options.js';

/** The options of `samekey proxy`, by the names of its flags. */
export const proxyFlags = /* @__PURE__ */ specs(() => ({
  /** The API that requests are sent to. If this URL has a path, it is put in front of the path of every request. */
  upstream: required(text({})),
  /** The store of the responses: redis://…, rediss://…, upstash:https://…, postgres://…, mysql://…, dynamodb:TABLE, lmdb:PATH, sqlite:PATH or memory:. An address with a password belongs in the environment variable SAMEKEY_STORE. */
  store: text({ default: 'memory:' }),
  /**
   * Prefix of the keys in Redis or Upstash.
   * @defaultValue that of [`redisStore`](stores.md#which-options-are-there)
   */
  prefix: text({}),
  /**
   * Table in PostgreSQL, MySQL or SQLite.
   * @defaultValue that of [`postgresStore`](stores.md#which-options-are-there)
   */
  table: text({}),
  /** The port that the proxy listens on. */
  port: wholeNumber({ default: 8787, max: 65_535 }),
  /** The address that the proxy listens on; only this machine can reach the default. */
  host: text({ default: '127.0.0.1' }),
  /** A separate port for /metrics, /health and /ready. Without it they are /-/metrics, /-/health and /-/ready on the port of the proxy. */
  metricsPort: wholeNumber({ max: 65_535 }),
  /** Serve the dashboard on this port of its own, 7264 if the flag names none. Its link is printed on standard error. */
  dashboard: wholeNumber({ max: 65_535 }),
  /** The address that the dashboard listens on; only this machine can reach the default. */
  dashboardHost: text({ default: '127.0.0.1' }),
  /** The URL of a server with TLS in front of the dashboard, if there is one. */
  dashboardPublicUrl: text({}),
  /** Let the dashboard delete records that are not running. */
  allowEvict: flag(false),
  /** Exclude members that may differ between two attempts, by the preset of this API. */
  preset: configOptions.presets,
  /** Exclude the member at this path from the identity of a request. */
  exclude: configOptions.excludedFields,
  /** Scope of the keys: tenant, environment, …, outermost first. */
  scope: configOptions.scope,
  /** A header that differs between two attempts of one request, and so does not count. */
  ignoreHeader: headerNames('the name of a header'),
  /**
   * The one header that names the account of a request, for its key and for the limits.
   * @defaultValue all headers that hold credentials
   */
  accountHeader: text(HEADER_NAME),
  /** The format of the keys that clients may send. */
  keyFormat: { ...choice('samekey', 'uuid', 'any'), default: 'any' as const },
  /** What to do with requests whose meaning is state at their provider, such as the next turn of a conversation: let an equal request join while the first is in progress, store their responses as well, or pass each one through. */
  providerState: fetchOptions.providerState,
  /** Pass through the requests whose path begins with this. */
  pass: textList('the beginning of a path such as /v1/threads', [], /^\/(?:[!-~]*[!-)+-~])?$/),
  /** Encrypt the stored responses with the keys in this environment variable, such as id:base64,id:base64. The first key encrypts, and all of them decrypt. */
  encryptEnv: text({}),
  /** The same with the keys in this file, one id:base64 a line. */
  encryptFile: text({}),
  /** What to do with stored responses that are not encrypted: refuse them, read them, or read them and write responses like them. */
  encryptPlain: encryptedCodecOptions.plain,
  /** A JSON file with settings of samekey/once; flags and SAMEKEY_… variables take precedence over it. Without this flag, SAMEKEY_CONFIG names the file. */
  config: text({}),
  /** A JSON file with the prices of each model per million tokens. */
  prices: text({}),
  /**
   * The most calls of the API that an account may start within a minute. Duplicates and replays do not count.
   * @defaultValue no limit
   */
  keysPerMinute: limitOptions.keysPerMinute,
  /**
   * The most bytes of responses that are stored for an account before its new requests are refused.
   * @defaultValue no limit
   */
  storedBytesPerAccount: limitOptions.storedBytesPerAccount,
  /**
   * The most duplicates of one request that wait for its response, or read it as it arrives.
   * @defaultValue no limit
   */
  waitingPerKey: limitOptions.waitingPerKey,
  /** The largest body of a request that gets a key, which is held in memory. */
  maxBody: byteCount({ default: 64 * 1024 ** 2, min: 1, max: 2 * 1024 ** 3 }),
  /** How many bytes of responses the proxy holds in memory for clients and for the store. Above it a new request is refused with 503. */
  maxHeld: byteCount({ default: 256 * 1024 ** 2, min: 1 }),
  /** How many bytes of responses go to files without a name in TMPDIR before memory is full; 0 for none. */
  maxSpill: byteCount({ default: 4 * 1024 ** 3 }),
  /** How long the API, or a client that receives a response, may stall. */
  idle: exchangeOptions.idleMs,
  /** The time for open responses when the proxy shuts down. */
  grace: duration({ default: 30_000, min: 1 }),
  /** The least severe messages that are logged. */
  logLevel: {
    ...choice<LogLevel>('debug', 'info', 'warn', 'error', 'silent'),
    default: 'info' as const,
  },
}));

export type ProxyFlags = SettingsOf<typeof proxyFlags>;

/** Each flag as the command line has it. */
export const PROXY_FLAGS: Readonly<Record<keyof typeof proxyFlags, string>> = {
  upstream: '-u, --upstream <URL>',
  store: '-s, --store <ADDRESS>',
  prefix: '--prefix <TEXT>',
  table: '--table <NAME>',
  port: '--port <NUMBER>',
  host: '--host <ADDRESS>',
  metricsPort: '--metrics-port <NUMBER>',
  dashboard: '--dashboard [PORT]',
  dashboardHost: '--dashboard-host <ADDRESS>',
  dashboardPublicUrl: '--dashboard-public-url <URL>',
  allowEvict: '--allow-evict',
  preset: '-p, --preset <NAME>',
  exclude: '-x, --exclude <PATH>',
  scope: '--scope <TEXT>',
  ignoreHeader: '--ignore-header <NAME>',
  accountHeader: '--account-header <NAME>',
  keyFormat: '--key-format <NAME>',
  providerState: '--provider-state <NAME>',
  pass: '--pass <PATH>',
  encryptEnv: '--encrypt-env <NAME>',
  encryptFile: '--encrypt-file <FILE>',
  encryptPlain: '--encrypt-plain <NAME>',
  config: '--config <FILE>',
  prices: '--prices <FILE>',
  keysPerMinute: '--keys-per-minute <NUMBER>',
  storedBytesPerAccount: '--stored-bytes-per-account <SIZE>',
  waitingPerKey: '--waiting-per-key <NUMBER>',
  maxBody: '--max-body <SIZE>',
  maxHeld: '--max-held <SIZE>',
  maxSpill: '--max-spill <SIZE>',
  idle: '--idle <TIME>',
  grace: '--grace <TIME>',
  logLevel: '--log-level <NAME>',
};
