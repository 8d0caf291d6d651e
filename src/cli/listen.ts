import type { Server } from 'node:http';
import type { ListenOptions } from 'node:net';
import { usageError } from './exit-codes.js';

/** Resolves when the server listens there. */
export function listen(
  server: Server,
  where: ListenOptions & { readonly port: number; readonly host: string | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = ({ code = '' }: NodeJS.ErrnoException) => {
      server.removeListener('listening', done);
      const { host, port } = where;
      const at = host === undefined ? `port ${port}` : `${host}, port ${port}`;
      reject(usageError(`Cannot listen on ${at}: ${WHY[code] ?? 'the system refuses'} (${code})`));
    };
    const done = () => {
      server.removeListener('error', refuse);
      resolve();
    };
    server.once('error', refuse).once('listening', done).listen(where);
  });
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program has it, wanted a free one',
  EACCES: 'it is not for everybody, wanted one from 1024',
  EADDRNOTAVAIL: "that is none of this machine's addresses",
  ENOTFOUND: 'there is no such address',
};
