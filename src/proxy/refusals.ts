import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { quote } from '../errors/errors.js';
import { problemOf } from './problem.js';
import { ProxyError } from './proxy-error.js';
import { LINGER_MS } from './request-body.js';

/** Returns the error for CONNECT, which asks for a tunnel to another host. */
export function tunnelRefused({ url = '' }: IncomingMessage): ProxyError {
  // Drops user information and paths, which may be secrets.
  const [, host = ''] = /^(?:[^/?#]*@)?([^/?#]*)/.exec(url) ?? [];
  return new ProxyError(
    403,
    'SAMEKEY_REFUSED',
    `Cannot open a tunnel to ${quote(host)}: this proxy forwards to its upstream only, wanted its address as the base URL, not in HTTPS_PROXY`,
  );
}

/** Returns the error for bytes that Node.js cannot parse as a request. */
export function malformed({ code = '', message }: NodeJS.ErrnoException): ProxyError {
  return new ProxyError(
    STATUS_OF_PARSER[code] ?? 400,
    'SAMEKEY_REFUSED',
    `Cannot read the request: ${message}, wanted HTTP/1.1 (RFC 9112)`,
  );
}

const STATUS_OF_PARSER: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Writes a response to a socket that has no response object, and ends the connection. */
export function writeRaw(socket: Duplex, error: ProxyError): void {
  const { status, headers, body } = problemOf(error);
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  // A client may never close its half of the connection.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(timer));
}
