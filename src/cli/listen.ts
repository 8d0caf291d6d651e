import type { Server } from 'node:http';
import type { ListenOptions } from 'node:net';
import { usageError } from './exit-codes.js';

/** Starts to listen, and resolves when the server accepts connections. */
export function listen(
  server: Server,
  address: ListenOptions & { readonly port: number; readonly host: string | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = ({ code = '' }: NodeJS.ErrnoException) => {
      server.removeListener('listening', done);
      const { host, port } = address;
      const place = host === undefined ? `port ${port}` : `${host}, port ${port}`;
      reject(
        usageError(`Cannot listen on ${place}: ${REASONS[code] ?? 'the system refuses'} (${code})`),
      );
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
