/** A reverse proxy that sends the same request at most once, for programs in any language. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FetchOptions } from '../fetch/fetch.js';
import { writeProblem } from './client-response.js';
import { Handler } from './handler.js';
import { problemOf } from './problem.js';
import { ProxyError } from './proxy-error.js';
import { malformed, tunnelRefused } from './refusals.js';
import type { ProxyLog } from './request-log.js';
import { refuseOtherHosts, type UpstreamAddress } from './request-target.js';

export { createLog, type LogLevel, type ProxyLog } from './request-log.js';
export { isLoopbackName, upstreamAddress } from './request-target.js';

export interface ProxyOptions {
  readonly upstream: UpstreamAddress;
  /** How requests become keys, and what is kept; as in `idempotentFetch`. */
  readonly once: Omit<FetchOptions, 'fetch' | 'idleMs' | 'onEvent' | 'applies'>;
  /** Beginnings of paths that only pass, whatever their method. */
  readonly passedPaths: readonly string[];
  readonly maxBodyBytes: number;
  readonly idleMs: number;
  /** Whether only this machine can reach it. */
  readonly isLoopback: boolean;
  /** Whether metrics and health have a port of their own, and their paths here are the upstream's. */
  readonly hasMetricsPort: boolean;
  readonly log: ProxyLog;
}

export interface ProxyServer {
  readonly server: Server;
  /** Answers `/metrics` and `/health`; listens if it has a port. */
  readonly metricsServer: Server;
  /** Refuses new requests, and resolves when nobody can connect any longer. */
  stopListening(): Promise<void>;
  /** Then: resolves when the requests under way are answered and their results kept. */
  drain(): Promise<void>;
  /** Cuts off those that are left. */
  cut(): void;
}

/** Longer than clients and balancers keep a connection for, so that it is they who close it. */
const KEEP_ALIVE_MS = 75_000;
const SWEEP_MS = 50;
/**
 * A kept connection is closed when nothing has come on it in so many sweeps: a request that is on its
 * way when the proxy is told to end is refused, not reset. Sweeps are counted, not milliseconds: after
 * a pause of the process all that came meanwhile is still to be read.
 */
const QUIET_SWEEPS = 10;
/** Connections that wait to be taken are taken, in so many sweeps at most: they would be reset. */
const MAX_ACCEPT_SWEEPS = 20;

/**
 * Returns a function that closes connections on which nothing happens. Some are kept for a next
 * request, or were made for a first one that never came, and Node.js would wait for these.
 */
function sweeper(sockets: ReadonlySet<Socket>, handler: Handler): () => void {
  const last = new WeakMap<Socket, { readonly bytesRead: number; quietSweeps: number }>();
  return () => {
    for (const socket of sockets) {
      const { bytesRead } = socket;
      const before = last.get(socket);
      const isQuiet = before?.bytesRead === bytesRead && !handler.isAnswering(socket);
      if (!isQuiet) last.set(socket, { bytesRead, quietSweeps: 0 });
      else if (++before.quietSweeps === QUIET_SWEEPS) socket.destroy();
    }
  };
}

/** Returns a proxy that does not listen yet. */
export function createProxy(options: ProxyOptions): ProxyServer {
  const handler = new Handler(options);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  // An upload may take longer than any time that is right for all: see `readBody`.
  server.requestTimeout = 0;
  server.on('request', (request, response) => handler.handle(request, response));
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  let closed: Promise<unknown> | undefined;
  server.on('connection', (socket) => {
    connectionCount++;
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      handler.lose(socket);
    });
  });
  server.on('checkContinue', (request, response) => handler.handle(request, response, true));
  server.on('connect', (request, socket) => handler.refuse(socket, tunnelRefused(request)));
  server.on('clientError', (error, socket) => handler.refuse(socket, malformed(error)));
  const metricsServer = createServer((request, response) => {
    try {
      refuseOtherHosts(request, options.isLoopback);
      if (handler.handleOwn(request, response, '')) return;
      throw new ProxyError(404, 'SAMEKEY_REFUSED', 'Wanted /metrics or /health');
    } catch (error) {
      writeProblem(response, problemOf(error));
    }
  });
  return {
    server,
    metricsServer,
    async stopListening() {
      handler.refuseAll();
      for (let sweep = 0, quietSweeps = 0; sweep < MAX_ACCEPT_SWEEPS && quietSweeps < 2; sweep++) {
        const before = connectionCount;
        await sleep(SWEEP_MS);
        quietSweeps = connectionCount === before ? quietSweeps + 1 : 0;
      }
      closed = once(server, 'close');
      // Not that of an HTTP server, which destroys idle connections at once.
      NetServer.prototype.close.call(server);
    },
    async drain() {
      const sweeping = setInterval(sweeper(sockets, handler), SWEEP_MS);
      await Promise.all([closed, handler.drain()]);
      clearInterval(sweeping);
      handler.close();
      metricsServer.close();
      metricsServer.closeAllConnections();
    },
    cut() {
      server.closeAllConnections();
      metricsServer.closeAllConnections();
    },
  };
}
