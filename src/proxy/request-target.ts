import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import { quote } from '../errors/errors.js';
import { valuesOf } from './headers.js';
import { ProxyError } from './proxy-error.js';

/** Where all requests go, and nowhere else. */
export interface UpstreamAddress {
  readonly origin: string;
  /** What comes before each path; no slash at its end. */
  readonly base: string;
}

/** Path and query of a request, as they are sent on, and the whole address. */
export interface RequestTarget {
  readonly path: string;
  readonly url: string;
}

/**
 * Returns where on the upstream a request goes.
 *
 * @throws {ProxyError} 421 for one that is meant for another host, 400 for a path that leads out of
 * the upstream's, 501 for one that wants to leave HTTP or comes in another coding, 508 for one that was here before.
 */
export function targetOf(
  request: IncomingMessage,
  { origin, base }: UpstreamAddress,
  { isLoopback, pseudonym }: { readonly isLoopback: boolean; readonly pseudonym: string },
): RequestTarget {
  const target = request.url ?? '';
  if (!target.startsWith('/')) {
    throw refused(
      421,
      `it is for ${hostIn(target)}, and this proxy forwards to its upstream alone, wanted a path, by the proxy as the base URL and not as HTTP_PROXY`,
    );
  }
  refuseOtherHosts(request, isLoopback);
  const path = pathIn(target);
  if (DOTS.test(path)) {
    throw refused(400, `${quote(path)} has "." or ".." in it, wanted the path itself`);
  }
  if (/[\\#]/.test(target)) {
    throw refused(400, `${quote(path)} has "\\" or "#" in it, wanted them percent-encoded`);
  }
  const coding = request.headers['transfer-encoding'] ?? 'chunked';
  if (coding.trim().toLowerCase() !== 'chunked') {
    throw refused(501, `its transfer-encoding is ${quote(coding)}, wanted chunked`);
  }
  // Of the protocols that HTTP/1.1 can be left for, a client can do without this one.
  const upgrade = request.headers.upgrade?.trim().toLowerCase() ?? 'h2c';
  if (upgrade !== 'h2c') {
    throw refused(
      501,
      `the upgrade to ${quote(upgrade)} is not supported, wanted plain HTTP; WebSockets go to the provider directly`,
    );
  }
  if (valuesOf(request, 'via').some((via) => via.includes(pseudonym))) {
    throw refused(508, 'it was here before, wanted an upstream that does not lead back here');
  }
  return { path: base + target, url: origin + base + target };
}

/**
 * A segment that leads elsewhere, to whatever server: some decode a slash before they look for one,
 * and some take away what is behind a `;`.
 */
const DOTS = /(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=[/\\?#;]|%2f|%5c|%3b|$)/i;

/** What of a target may be told: in queries there are credentials, and in addresses, too. */
export const pathIn = (target: string) => target.split(/[?#]/, 1)[0] as string;

const hostIn = (target: string) =>
  URL.canParse(target) && new URL(target).host ? quote(new URL(target).host) : 'another host';

/** @throws {ProxyError} 400 for two hosts, 421 for one that is not this machine's, on loopback. */
export function refuseOtherHosts(request: IncomingMessage, isLoopback: boolean): void {
  const hosts = valuesOf(request, 'host');
  if (hosts.length > 1) throw refused(400, 'it has more than one Host');
  if (isLoopback && isForAnother(request)) {
    const [host = ''] = hosts;
    throw refused(421, `its Host is ${quote(host)}, wanted this machine, or a proxy with --host`);
  }
}

/** Whether it was sent to another machine's name, as by a page of the web whose name was made to lead here (DNS rebinding). */
export const isForAnother = ({ headers: { host = 'localhost' } }: IncomingMessage) =>
  !isLoopbackName(host.replace(/:\d*$/, ''));

/** Whether it is this machine, by a name or an address that can be no other's. */
export const isLoopbackName = (name: string) =>
  /^(?:.+\.)?localhost\.?$/i.test(name) ||
  (isIPv4(name) && name.startsWith('127.')) ||
  name === '::1' ||
  name === '[::1]';

function refused(status: number, why: string): ProxyError {
  return new ProxyError(status, 'SAMEKEY_REFUSED', `Cannot forward the request: ${why}`);
}

/**
 * Returns where `--upstream` leads.
 *
 * @throws {ProxyError} `SAMEKEY_BAD_ARGUMENT`.
 */
export function upstreamAddress(text: string): UpstreamAddress {
  const wanted = 'wanted an address such as https://api.openai.com';
  const bad = (why: string) =>
    new ProxyError(400, 'SAMEKEY_BAD_ARGUMENT', `Cannot use the upstream: ${why}, ${wanted}`);
  if (!URL.canParse(text)) throw bad(`${quote(text)} is no URL`);
  const { protocol, origin, pathname, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') throw bad(`it is ${protocol}`);
  // Each client brings its own: what is here would be given to all.
  if (username || password) throw bad('it has credentials in it');
  if (search || hash) throw bad('it has a query or a fragment');
  return { origin, base: pathname.replace(/\/+$/, '') };
}
