import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { quote } from '../errors/errors.js';
import { problemOf } from './problem.js';
import { ProxyError } from './proxy-error.js';
import { LINGER_MS } from './request-body.js';

/** For CONNECT, by which a client asks for a tunnel to a host it names. */
export function tunnelRefused({ url = '' }: IncomingMessage): ProxyError {
  // Without what does not belong there, which may be a secret.
  const [, host = ''] = /^(?:[^/?#]*@)?([^/?#]*)/.exec(url) ?? [];
  return new ProxyError(
    403,
    'SAMEKEY_REFUSED',
    `Cannot open a tunnel to ${quote(host)}: this proxy forwards to its upstream alone, wanted it as the base URL and not as HTTPS_PROXY`,
  );
}

/** For what is no HTTP; Node.js finds it before it is a request. */
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

/** Writes an answer where there is no response to write it to, and ends the connection. */
export function writeRaw(socket: Duplex, error: ProxyError): void {
  const { status, headers, body } = problemOf(error);
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  // Its other half is the client's to close, and nobody else would ever do it.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.on('close', () => clearTimeout(timer));
}
