/** The sentences of proxy-flags.ts, written by `npm run docs`. */
export const PROXY_SENTENCES = {
  upstream:
    'The API that requests are sent to. If this URL has a path, it is put in front of the path of every request.',
  store:
    'The store of the responses: redis://…, rediss://…, upstash:https://…, postgres://…, mysql://…, dynamodb:TABLE, lmdb:PATH, sqlite:PATH or memory:. An address with a password belongs in the environment variable SAMEKEY_STORE.',
  prefix: 'Prefix of the keys in Redis or Upstash.',
  table: 'Table in PostgreSQL, MySQL or SQLite.',
  port: 'The port that the proxy listens on.',
  host: 'The address that the proxy listens on; only this machine can reach the default.',
  metricsPort:
    'A separate port for /metrics, /health and /ready. Without it they are /-/metrics, /-/health and /-/ready on the port of the proxy.',
  dashboard:
    'Serve the dashboard on this port of its own, 7264 if the flag names none. Its link is printed on standard error.',
  dashboardHost:
    'The address that the dashboard listens on; only this machine can reach the default.',
  dashboardPublicUrl: 'The URL of a server with TLS in front of the dashboard, if there is one.',
  allowEvict: 'Let the dashboard delete records that are not running.',
  preset: 'Exclude members that may differ between two attempts, by the preset of this API.',
  exclude: 'Exclude the member at this path from the identity of a request.',
  scope: 'Scope of the keys: tenant, environment, …, outermost first.',
  ignoreHeader: 'A header that differs between two attempts of one request, and so does not count.',
  accountHeader:
    'The one header that names the account of a request, for its key and for the limits.',
  keyFormat: 'The format of the keys that clients may send.',
  providerState:
    'What to do with requests whose meaning is state at their provider, such as the next turn of a conversation: let an equal request join while the first is in progress, store their responses as well, or pass each one through.',
  pass: 'Pass through the requests whose path begins with this.',
  encryptEnv:
    'Encrypt the stored responses with the keys in this environment variable, such as id:base64,id:base64. The first key encrypts, and all of them decrypt.',
  encryptFile: 'The same with the keys in this file, one id:base64 a line.',
  encryptPlain:
    'What to do with stored responses that are not encrypted: refuse them, read them, or read them and write responses like them.',
  config:
    'A JSON file with settings of samekey/once; flags and SAMEKEY_… variables take precedence over it. Without this flag, SAMEKEY_CONFIG names the file.',
  prices: 'A JSON file with the prices of each model per million tokens.',
  keysPerMinute:
    'The most calls of the API that an account may start within a minute. Duplicates and replays do not count.',
  storedBytesPerAccount:
    'The most bytes of responses that are stored for an account before its new requests are refused.',
  waitingPerKey:
    'The most duplicates of one request that wait for its response, or read it as it arrives.',
  maxBody: 'The largest body of a request that gets a key, which is held in memory.',
  maxHeld:
    'How many bytes of responses the proxy holds in memory for clients and for the store. Above it a new request is refused with 503.',
  maxSpill:
    'How many bytes of responses go to files without a name in TMPDIR before memory is full; 0 for none.',
  idle: 'How long the API, or a client that receives a response, may stall.',
  grace: 'The time for open responses when the proxy shuts down.',
  logLevel: 'The least severe messages that are logged.',
};
