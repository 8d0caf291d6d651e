import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { valuesOf } from '../proxy/headers.js';
import { isForOtherHost } from '../proxy/request-target.js';
import { DashboardProblem } from './problem.js';

const SECRET_BYTES = 32;
/** A browser sends few cookies to one address. */
const MAX_COOKIES = 50;

/** Digests have one length, so that comparing them takes the same time for every text. */
const digest = (text: string) => createHash('sha256').update(text).digest();
const newSecret = () => randomBytes(SECRET_BYTES).toString('base64url');

/**
 * Lets a browser use the dashboard that has opened its link. The link has a token that is used once. Its
 * first use sets a cookie with the secret of the session, which lasts as long as the program.
 */
export class Access {
  readonly #session = newSecret();
  readonly #cookieFlags: string;
  readonly #sessionDigest = digest(this.#session);
  #tokenDigest: Buffer | undefined;

  /** `isSecure`: whether browsers reach the dashboard with TLS only. */
  constructor({ isSecure }: { readonly isSecure: boolean }) {
    this.#cookieFlags = `HttpOnly; SameSite=Strict; Path=/${isSecure ? '; Secure' : ''}`;
  }

  /** Returns a new token. The one before is no longer valid. */
  newToken(): string {
    const token = newSecret();
    this.#tokenDigest = digest(token);
    return token;
  }

  /** Uses the token up. Returns whether it was valid. */
  redeem(token: string): boolean {
    const wanted = this.#tokenDigest;
    if (wanted === undefined || !timingSafeEqual(digest(token), wanted)) return false;
    this.#tokenDigest = undefined;
    return true;
  }

  /** The header that gives the browser its session. `SameSite=Strict`: other sites cannot use it. */
  cookieFor(request: IncomingMessage): string {
    return `${nameOfCookie(request)}=${this.#session}; ${this.#cookieFlags}`;
  }

  hasSession(request: IncomingMessage): boolean {
    const name = nameOfCookie(request);
    let isKnown = false;
    const cookies = (request.headers.cookie ?? '').split(';', MAX_COOKIES);
    for (const cookie of cookies) {
      const [key = '', value = ''] = cookie.trim().split('=', 2);
      if (key === name && timingSafeEqual(digest(value), this.#sessionDigest)) isKnown = true;
    }
    return isKnown;
  }
}

/** A browser sends the cookies of all ports of a host, so each port has a name of its own. */
const nameOfCookie = ({ socket }: IncomingMessage) => `samekey-dashboard-${socket.localPort}`;

/** Where browsers reach the dashboard. */
export interface Place {
  /** Whether it listens for this machine only. */
  readonly isLoopback: boolean;
  /** The origin of the server in front of it. */
  readonly publicOrigin: string | undefined;
}

/**
 * Refuses what a page of another site could send with the browser of a user: a request to a name that
 * leads here (DNS rebinding), or one from its own origin.
 *
 * @throws {DashboardProblem} 400, 421 or 403.
 */
export function refuseOtherSites(
  request: IncomingMessage,
  { isLoopback, publicOrigin }: Place,
): void {
  if (valuesOf(request, 'host').length > 1) {
    throw new DashboardProblem(400, 'The request has more than one Host header, wanted one.');
  }
  if (isLoopback && isForOtherHost(request) && !isForOrigin(request, publicOrigin)) {
    throw new DashboardProblem(
      421,
      'The Host is not this machine, wanted localhost or 127.0.0.1, or a dashboard with its public URL.',
    );
  }
  const site = request.headers['sec-fetch-site'] ?? 'none';
  const isOwn = site === 'same-origin' || site === 'none';
  // A link to the page may stand anywhere: it is then a navigation, which no other page can read.
  if (!isOwn && request.headers['sec-fetch-mode'] !== 'navigate') {
    throw new DashboardProblem(403, 'The request comes from a page of another site.');
  }
}

/** The `Host` may or may not name the port. */
const isForOrigin = ({ headers: { host = '' } }: IncomingMessage, origin: string | undefined) =>
  origin !== undefined && host.replace(/:\d*$/, '').toLowerCase() === new URL(origin).hostname;

/**
 * Refuses a change that no page of this server has asked for.
 *
 * @throws {DashboardProblem} 403.
 */
export function refuseForeignChange({ headers }: IncomingMessage, { publicOrigin }: Place): void {
  const { origin, host = '' } = headers;
  const isFromHere =
    origin === undefined
      ? headers['sec-fetch-site'] === 'same-origin'
      : [`http://${host}`, `https://${host}`, publicOrigin].includes(origin);
  const site = headers['sec-fetch-site'] ?? 'same-origin';
  if (isFromHere && site === 'same-origin') return;
  throw new DashboardProblem(
    403,
    'The request does not come from the page of this dashboard, wanted its Origin. With a server in front of it, the dashboard needs its public URL.',
  );
}
