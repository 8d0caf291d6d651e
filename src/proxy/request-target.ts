import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { quote } from '../errors/errors.js';
import { valuesOf } from './headers.js';
import { ProxyError } from './proxy-error.js';

/** The address of an HTTP server, such as the one that all requests are sent to. */
export interface HttpAddress {
  readonly origin: string;
  /** The prefix of each path, without a slash at its end. */
  readonly base: string;
}

/** Path and query of a request as they are forwarded, and its URL. */
export interface RequestTarget {
  readonly path: string;
  readonly url: string;
}

/**
 * Returns the target of a request on the upstream.
 *
 * @throws {ProxyError} 421 if it is for another host, 400 if its path leads out of the upstream's base
 * path, 501 if it asks for another protocol or has an unknown transfer coding, 508 if it has passed
 * this proxy before.
 */
export function targetOf(
  request: IncomingMessage,
  { origin, base }: HttpAddress,
  { isLoopback, pseudonym }: { readonly isLoopback: boolean; readonly pseudonym: string },
): RequestTarget {
  const target = request.url ?? '';
  if (!target.startsWith('/')) {
    throw refused(
      421,
      `it is for ${hostIn(target)}, and this proxy forwards to its upstream only, wanted a path: use the proxy's address as the base URL, not in HTTP_PROXY`,
    );
  }
  refuseOtherHosts(request, isLoopback);
  const path = pathIn(target);
  // `URL` drops tabs and line ends, which may make a ".." of what is left.
  if (/\p{Cc}/u.test(target)) {
    throw refused(400, `${quote(path)} contains a control character, wanted it percent-encoded`);
  }
  if (DOT_SEGMENT.test(path)) {
    throw refused(400, `${quote(path)} contains "." or "..", wanted the resolved path`);
  }
  if (/[\\#]/.test(target)) {
    throw refused(400, `${quote(path)} contains "\\" or "#", wanted them percent-encoded`);
  }
  const coding = request.headers['transfer-encoding'] ?? 'chunked';
  if (coding.trim().toLowerCase() !== 'chunked') {
    throw refused(501, `its transfer-encoding is ${quote(coding)}, wanted chunked`);
  }
  // A client that offers h2c accepts HTTP/1.1, too.
  const upgrade = request.headers.upgrade?.trim().toLowerCase() ?? 'h2c';
  if (upgrade !== 'h2c') {
    throw refused(
      501,
      `the upgrade to ${quote(upgrade)} is not supported, wanted HTTP: connect WebSockets to the provider directly`,
    );
  }
  if (valuesOf(request, 'via').some((via) => via.includes(pseudonym))) {
    throw refused(
      508,
      'it has passed this proxy before, wanted an upstream that does not lead back to the proxy',
    );
  }
  return { path: base + target, url: origin + base + target };
}

/**
 * A segment that any server resolves to another path: some servers decode slashes first, and some
 * remove the part behind a `;`.
 */
const DOT_SEGMENT = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=[/\\?#;]|%2f|%5c|%3b|$)/i;

/** The part of a target that logs and messages may contain. Queries and authorities may have credentials. */
export const pathIn = (target: string) => target.split(/[?#]/, 1)[0] as string;

const hostIn = (target: string) => {
  const host = urlIn(target)?.host;
  return host ? quote(host) : 'another host';
};

/** Node.js 20 and 22 let `URL.canParse` read a text in Latin-1 as UTF-8, once V8 has compiled the call. */
function urlIn(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** @throws {ProxyError} 400 for two hosts; on loopback, 421 for the name of another machine. */
export function refuseOtherHosts(request: IncomingMessage, isLoopback: boolean): void {
  const hosts = valuesOf(request, 'host');
  if (hosts.length > 1) throw refused(400, 'it has more than one Host header, wanted one');
  if (isLoopback && isForOtherHost(request)) {
    const [host = ''] = hosts;
    throw refused(421, `its Host is ${quote(host)}, wanted this machine's, or a proxy with --host`);
  }
}

/** Whether the `Host` is the name of another machine, as from a web page that uses DNS rebinding. */
export const isForOtherHost = ({ headers: { host = 'localhost' } }: IncomingMessage) =>
  !isLoopbackName(host.replace(/:\d*$/, ''));

/** Whether a name or an address always means this machine. */
export const isLoopbackName = (name: string) =>
  /^(?:.+\.)?localhost\.?$/i.test(name) ||
  (isIPv4(name) && name.startsWith('127.')) ||
  name === '::1' ||
  name === '[::1]';

function refused(status: number, why: string): ProxyError {
  return new ProxyError(status, 'SAMEKEY_REFUSED', `Cannot forward the request: ${why}`);
}

/**
 * Parses the value of `--upstream`.
 *
 * @throws {ProxyError} `SAMEKEY_BAD_ARGUMENT`.
 */
export const upstreamAddress = (text: string): HttpAddress =>
  httpAddress(text, 'the upstream', 'https://api.openai.com');

/**
 * Parses the address of an HTTP server. `name` and `example` are for the message.
 *
 * @throws {ProxyError} `SAMEKEY_BAD_ARGUMENT`.
 */
export function httpAddress(text: string, name: string, example: string): HttpAddress {
  const bad = (why: string) =>
    new ProxyError(
      400,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use ${name}: ${why}, wanted an address such as ${example}`,
    );
  const address = urlIn(text);
  // What stands before an @ may be a password.
  if (address === undefined) {
    throw bad(`${quote(text.slice(text.lastIndexOf('@') + 1))} is not a URL`);
  }
  const { protocol, origin, pathname, username, password, search, hash } = address;
  if (protocol !== 'https:' && protocol !== 'http:') throw bad(`its scheme is ${protocol}`);
  // In the URL of the upstream they would serve every client, which should send its own.
  if (username || password) throw bad('it contains credentials');
  if (search || hash) throw bad('it has a query or a fragment');
  let end = pathname.length;
  while (pathname[end - 1] === '/') end--;
  return { origin, base: pathname.slice(0, end) };
}
