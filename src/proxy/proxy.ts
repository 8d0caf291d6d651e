/** A reverse proxy that sends the same request at most once, for programs in any language. */
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FetchOptions } from '../http/fetch.js';
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
  /** Takes no new requests, and resolves when those under way are answered and their results kept. */
  drain(): Promise<void>;
  /** Cuts off those that are left. */
  cut(): void;
}

/** Longer than clients and balancers keep a connection for, so that it is they who close it. */
const KEEP_ALIVE_MS = 75_000;
const SWEEP_MS = 50;

/** Returns a proxy that does not listen yet. */
export function createProxy(options: ProxyOptions): ProxyServer {
  const handler = new Handler(options);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  // An upload may take longer than any time that is right for all: see `readBody`.
  server.requestTimeout = 0;
  server.on('request', (request, response) => handler.handle(request, response));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
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
    async drain() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Some connections are kept for a next request, which is not taken, or were made for a first one
      // that never came. Node.js would wait for these.
      const sweeping = setInterval(() => {
        for (const socket of sockets) if (!handler.isAnswering(socket)) socket.destroy();
      }, SWEEP_MS);
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
