import type { Server } from 'node:http';
import { type AddressInfo, isIPv6, type ListenOptions } from 'node:net';
import { usageError } from './exit-codes.js';

/**
 * Starts to listen, and resolves when the server accepts connections.
 *
 * @throws {CliError} with the `code` of the system if the server cannot listen.
 */
export async function listen(
  server: Server,
  address: ListenOptions & { readonly port: number; readonly host: string | undefined },
): Promise<void> {
  // Node.js would listen on all addresses.
  if (address.host === '') {
    throw usageError(
      'Cannot listen on "": the address is empty, as after an unset variable; wanted one such as 127.0.0.1',
    );
  }
  return new Promise((resolve, reject) => {
    const refuse = ({ code = '' }: NodeJS.ErrnoException) => {
      server.removeListener('listening', done);
      const { host, port } = address;
      const place = host === undefined ? `port ${port}` : `${host}, port ${port}`;
      const message = `Cannot listen on ${place}: ${REASONS[code] ?? 'the system refuses'} (${code})`;
      reject(Object.assign(usageError(message), { code }));
    };
    const done = () => {
      server.removeListener('error', refuse);
      resolve();
    };
    server.once('error', refuse).once('listening', done).listen(address);
  });
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses it, wanted a free port',
  EACCES: 'it needs privileges, wanted a port from 1024',
  EADDRNOTAVAIL: 'this machine does not have that address',
  ENOTFOUND: 'the address does not exist',
};

/** Listens on the port of `--port`. Without that flag, on `usualPort`, or any free port if that is in use. */
export async function listenSomewhere(
  server: Server,
  host: string | undefined,
  given: string | undefined,
  usualPort: number,
): Promise<void> {
  if (given !== undefined) return listen(server, { port: toPort(given), host });
  try {
    await listen(server, { port: usualPort, host });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    await listen(server, { port: 0, host });
  }
}

function toPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw usageError(`Cannot listen on port ${text}: wanted a number from 0 to 65535`);
}

/** How a browser opens a server on all addresses of this machine. Chrome blocks 0.0.0.0. */
const OPENED: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': 'localhost' };

/** Whether the server listens on all addresses of this machine. */
export function isOnAllAddresses(server: Server): boolean {
  return (server.address() as AddressInfo).address in OPENED;
}

/** Returns the URL of a server that listens, as a browser on this machine opens it. */
export function urlOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo;
  return `http://${OPENED[address] ?? (isIPv6(address) ? `[${address}]` : address)}:${port}`;
}
