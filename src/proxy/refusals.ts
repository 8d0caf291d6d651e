import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { problemOf } from './problem.js';
import { ProxyError } from './proxy-error.js';

/** For CONNECT, by which a client asks for a tunnel to a host it names. */
export function refuseTunnel({ url }: IncomingMessage, socket: NodeJS.WritableStream): void {
  const why = `Cannot open a tunnel to ${JSON.stringify(url)}: this proxy forwards to its upstream alone, wanted it as the base URL and not as HTTPS_PROXY`;
  writeRaw(socket, new ProxyError(403, 'SAMEKEY_REFUSED', why));
}

/** For what is no HTTP; Node.js refuses it before it is a request. */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy();
  const status = STATUS_OF_PARSER[error.code ?? ''] ?? 400;
  const why = `Cannot read the request: ${error.message}, wanted HTTP/1.1 (RFC 9112)`;
  writeRaw(socket, new ProxyError(status, 'SAMEKEY_REFUSED', why));
}

const STATUS_OF_PARSER: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Writes an answer where there is no response to write it to. */
function writeRaw(socket: NodeJS.WritableStream, error: ProxyError): void {
  const { status, headers, body } = problemOf(error);
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on('error', () => {});
  socket.end(`HTTP/1.1 ${status} ${JSON.parse(body).title}\r\n${lines.join('')}\r\n${body}`);
}
