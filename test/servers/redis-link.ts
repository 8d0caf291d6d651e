import { createConnection, createServer, type Socket } from 'node:net';

/** A connection to a local server that can fail in ways that a restart of the server does not show. */
export interface Link {
  readonly port: number;
  /** How new connections behave. */
  opens: 'through' | 'silent' | 'closed';
  /** The number of connections ever opened, and of those that are open. */
  readonly begun: number;
  readonly open: number;
  /** Stops all data on the open connections, except for the first `spared` of them. */
  silence(spared: number): void;
  stop(): Promise<void>;
}

export function startLink(to: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    begun++;
    socket.on('error', () => {});
    if (link.opens === 'closed') return socket.destroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // Without reading, the socket would not notice that the other side has closed.
    if (link.opens === 'silent') return socket.resume();
    const onward = createConnection(to, '127.0.0.1');
    onward.on('error', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    onward.on('close', () => socket.destroy());
    socket.pipe(onward).pipe(socket);
    socket.on('silence', () => {
      socket.unpipe();
      onward.unpipe();
      socket.resume();
      onward.resume();
    });
  });
  let begun = 0;
  const link = {
    port: 0,
    opens: 'through' as Link['opens'],
    get begun() {
      return begun;
    },
    get open() {
      return sockets.size;
    },
    silence(spared: number) {
      for (const socket of [...sockets].slice(spared)) socket.emit('silence');
    },
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      link.port = (server.address() as { port: number }).port;
      resolve(link);
    });
  });
}
