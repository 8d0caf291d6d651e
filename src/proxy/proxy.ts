/** A reverse proxy that sends the same request at most once, for programs in any language. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FetchOptions } from '../fetch/fetch.js';
import type { Saved } from '../once/events.js';
import type { EndedCall } from './call.js';
import { writeProblem } from './client-response.js';
import { Handler } from './handler.js';
import { problemOf } from './problem.js';
import { ProxyError } from './proxy-error.js';
import { malformed, tunnelRefused } from './refusals.js';
import type { ProxyLog } from './request-log.js';
import { type HttpAddress, refuseOtherHosts } from './request-target.js';

export type { EndedCall } from './call.js';
export { createLog, type LogLevel, type ProxyLog } from './request-log.js';
export { isLoopbackName, upstreamAddress } from './request-target.js';

export interface ProxyOptions {
  readonly upstream: HttpAddress;
  /** How requests become keys, and what is kept; as in `idempotentFetch`. */
  readonly once: Omit<
    FetchOptions,
    'fetch' | 'idleMs' | 'onEvent' | 'applies' | 'maxHeldBytes' | 'spill'
  >;
  /** Beginnings of paths that only pass, whatever their method. */
  readonly passedPaths: readonly string[];
  readonly maxBodyBytes: number;
  /** The bound for responses in memory, and for those in files; 0 for no files. */
  readonly maxHeldBytes: number;
  readonly maxSpilledBytes: number;
  readonly idleMs: number;
  /** Whether only this machine can reach it. */
  readonly isLoopback: boolean;
  /** Whether metrics, health and readiness have a port of their own, and their paths here are the upstream's. */
  readonly hasMetricsPort: boolean;
  readonly log: ProxyLog;
  /** For the dashboard: called for each request that was answered. */
  readonly onCall?: ((call: EndedCall) => void) | undefined;
  /** Called for each duplicate with what it saved. */
  readonly onSaved?: ((saved: Saved) => void) | undefined;
}

export interface ProxyServer {
  readonly server: Server;
  /** Answers `/metrics`, `/health` and `/ready`; listens if it has a port. */
  readonly metricsServer: Server;
  /** Deletes a record from the store and from the memory of this process. */
  evict(key: string): Promise<boolean>;
  /** Refuses new requests. Resolves when the server accepts no more connections. */
  stopListening(): Promise<void>;
  /** Call it after `stopListening`. Resolves when the requests in progress are answered and their results stored. */
  drain(): Promise<void>;
  /** Closes the remaining connections. */
  cut(): void;
}

/** Longer than clients and load balancers keep a connection, so that they close it first. */
const KEEP_ALIVE_MS = 75_000;
const SWEEP_MS = 50;
/**
 * A kept connection is closed after this many sweeps without data, so a request that was sent before
 * the proxy shuts down is refused and not reset. It counts sweeps, not milliseconds: after a pause of
 * the process, data that arrived during the pause must still be read.
 */
const QUIET_SWEEPS = 10;
/** For this many sweeps at most, waiting connections are accepted. Otherwise they would be reset. */
const MAX_ACCEPT_SWEEPS = 20;

/**
 * Returns a function that closes idle connections. Node.js would wait for connections that are kept for
 * a next request or never sent a first one.
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
  // No limit fits all uploads: `readBody` limits the time without data.
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
      handler.closeQueued(socket);
    });
  });
  server.on('checkContinue', (request, response) => handler.handle(request, response, true));
  server.on('connect', (request, socket) => handler.refuse(socket, tunnelRefused(request)));
  server.on('clientError', (error, socket) => handler.refuse(socket, malformed(error)));
  const metricsServer = createServer((request, response) => {
    try {
      refuseOtherHosts(request, options.isLoopback);
      if (handler.handleOwn(request, response, '')) return;
      throw new ProxyError(
        404,
        'SAMEKEY_REFUSED',
        'Cannot find the page: wanted /metrics, /health or /ready',
      );
    } catch (error) {
      writeProblem(response, problemOf(error));
    }
  });
  return {
    server,
    metricsServer,
    evict: (key) => handler.evict(key),
    async stopListening() {
      handler.refuseAll();
      for (let sweep = 0, quietSweeps = 0; sweep < MAX_ACCEPT_SWEEPS && quietSweeps < 2; sweep++) {
        const before = connectionCount;
        await sleep(SWEEP_MS);
        quietSweeps = connectionCount === before ? quietSweeps + 1 : 0;
      }
      closed = once(server, 'close');
      // `close` of an HTTP server would destroy idle connections at once.
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
