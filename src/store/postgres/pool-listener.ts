import {
  clearTimer,
  monotonicMs,
  randomUuid,
  setTimer,
  type Timer,
} from '../../runtime/runtime.js';
import type { Listener, Queryable, Subscriber } from './client.js';

/** The members of a `Pool` of `pg` that the listener uses. */
export interface Pool extends Queryable {
  readonly options?: { readonly max?: number };
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly ending?: boolean;
  connect(): Promise<PoolClient>;
}

interface PoolClient extends Queryable {
  /** The process ID that the server, or a pooler in front of it, sent at login. */
  readonly processID?: number | null;
  on(event: 'notification', listener: (message: Notification) => void): unknown;
  on(event: 'error' | 'end', listener: () => void): unknown;
  release(destroy?: boolean): void;
}

interface Notification {
  readonly channel?: string;
  readonly payload?: string;
}

/**
 * One connection for `LISTEN`, one for application code that holds a connection, and one for the
 * store. In a smaller pool the store could not renew the lease of that code.
 */
const SMALLEST_POOL = 3;
/** How often the pool is checked while there are subscribers or a listening connection. */
const TICK_MS = 100;
/** How long requests may queue in the pool, which is longer than opening a connection takes. */
const MAX_QUEUED_MS = 500;
/** How long the connection is kept after the last subscriber has unsubscribed. */
const LINGER_MS = 5000;
/** How long to wait before the next attempt to listen. */
const RETRY_LOST_MS = 250;
const RETRY_BUSY_MS = 5000;
const RETRY_UNSUPPORTED_MS = 60_000;
/** How long a notification to the own channel may take. */
const TEST_LIMIT_MS = 5000;

interface Channel {
  readonly subscribers: Set<Subscriber>;
  /** Whether a test notification has arrived on the current connection. */
  isVerified: boolean;
  /** The payload of the test notification. */
  testPayload: string | undefined;
}

const listeners = new WeakMap<Pool, PoolListener>();

/** Returns the listener that all stores on this pool share. */
export function listenerOf(pool: Pool): PoolListener {
  const listener = listeners.get(pool) ?? new PoolListener(pool);
  listeners.set(pool, listener);
  return listener;
}

/**
 * Listens on one connection of a pool, for all stores on that pool, while the pool can spare it. It
 * informs subscribers when notifications start and stop; in between, they must poll.
 *
 * It takes a connection only if another one stays free, and never waits in the queue of the pool.
 * It releases the connection when requests queue, when the pool ends, and when it has no
 * subscribers.
 */
class PoolListener implements Listener {
  readonly #pool: Pool;
  readonly #channels = new Map<string, Channel>();
  #client: PoolClient | undefined;
  /** Whether the connection leads to a dedicated server process. */
  #isDirect = false;
  #isOpening = false;
  #timer: Timer | undefined;
  #retryAt = 0;
  #lastNeededAt = 0;
  /** Since when requests have been queued in the pool. */
  #queuedAt: number | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  subscribe(name: string, subscriber: Subscriber): () => void {
    const channel = this.#channels.get(name) ?? {
      subscribers: new Set(),
      isVerified: false,
      testPayload: undefined,
    };
    const isNew = !this.#channels.has(name);
    this.#channels.set(name, channel);
    channel.subscribers.add(subscriber);
    if (channel.isVerified) subscriber.onListening(true);
    else if (isNew && this.#client !== undefined && this.#isDirect) {
      this.#listenTo(this.#client, name, channel);
    }
    this.#tick();
    return () => {
      channel.subscribers.delete(subscriber);
      const isUnused = channel.subscribers.size === 0 && this.#client === undefined;
      if (isUnused && this.#channels.get(name) === channel) this.#channels.delete(name);
      this.#lastNeededAt = monotonicMs();
    };
  }

  releaseUnused(): void {
    if (!this.#isNeeded()) this.#release();
  }

  #isNeeded(): boolean {
    for (const { subscribers } of this.#channels.values()) if (subscribers.size > 0) return true;
    return false;
  }

  #tick(): void {
    clearTimer(this.#timer);
    const nowMs = monotonicMs();
    const isNeeded = this.#isNeeded();
    if (isNeeded) this.#lastNeededAt = nowMs;
    this.#queuedAt = this.#pool.waitingCount > 0 ? (this.#queuedAt ?? nowMs) : undefined;
    if (this.#client !== undefined) {
      if (this.#pool.ending || this.#lastNeededAt + LINGER_MS <= nowMs) this.#release();
      // Not at once: a short queue is normal, and the next free connection serves it.
      else if (this.#queuedAt !== undefined && this.#queuedAt + MAX_QUEUED_MS <= nowMs) {
        this.#release(RETRY_BUSY_MS);
      }
    } else if (
      isNeeded &&
      !this.#isOpening &&
      this.#retryAt <= nowMs &&
      this.#canSpareConnection()
    ) {
      this.#open().catch(() => {});
    }
    if (!isNeeded && this.#client === undefined) return;
    this.#timer = setTimer(() => this.#tick(), TICK_MS);
    this.#timer.unref?.();
  }

  /** Whether the pool has a free connection and a second one stays free. */
  #canSpareConnection(): boolean {
    const { options, totalCount, idleCount, waitingCount, ending } = this.#pool;
    const max = options?.max ?? 0;
    const freeCount = max - (totalCount - idleCount);
    return max >= SMALLEST_POOL && freeCount >= 2 && waitingCount === 0 && !ending;
  }

  async #open(): Promise<void> {
    this.#isOpening = true;
    this.#retryAt = monotonicMs() + RETRY_LOST_MS;
    let client: PoolClient;
    try {
      client = await this.#pool.connect();
    } finally {
      this.#isOpening = false;
    }
    // The situation may have changed while the connection was opened.
    if (this.#isNeeded() && this.#pool.waitingCount === 0 && !this.#pool.ending) this.#use(client);
    else client.release();
  }

  async #use(client: PoolClient): Promise<void> {
    this.#client = client;
    const retrySoon = () => {
      if (this.#client === client) this.#release(RETRY_LOST_MS);
    };
    client.on('error', retrySoon);
    client.on('end', retrySoon);
    client.on('notification', ({ channel: name = '', payload = '' }) => {
      const channel = this.#channels.get(name);
      if (this.#client !== client || channel === undefined) return;
      if (payload === channel.testPayload) this.#markVerified(channel);
      else for (const { onNotify } of [...channel.subscribers]) onNotify(payload);
    });
    this.#releaseUnless(client, () => this.#isDirect);
    try {
      const isDirect = await isDirectConnection(client);
      if (this.#client !== client) return;
      if (!isDirect) return this.#release(RETRY_UNSUPPORTED_MS);
    } catch {
      return retrySoon();
    }
    this.#isDirect = true;
    for (const [name, channel] of this.#channels) this.#listenTo(client, name, channel);
  }

  /** Listens on a channel and sends a test notification to it. */
  async #listenTo(client: PoolClient, name: string, channel: Channel): Promise<void> {
    const testPayload = `samekey proof ${randomUuid()}`;
    channel.testPayload = testPayload;
    this.#releaseUnless(client, () => channel.isVerified);
    try {
      await client.query(`LISTEN "${name}"`);
      if (this.#client !== client) return;
      // On another connection: behind a pooler, a connection may receive its own notifications and
      // no others.
      await this.#pool.query('SELECT pg_notify($1, $2)', [name, testPayload]);
    } catch {
      // A standby server cannot listen. A server that is down may come back.
      if (this.#client === client) this.#release(RETRY_BUSY_MS);
    }
  }

  /** Releases the connection if it does not become usable in time. */
  #releaseUnless(client: PoolClient, isUsable: () => boolean): void {
    const timer = setTimer(() => {
      if (this.#client === client && !isUsable()) this.#release(RETRY_UNSUPPORTED_MS);
    }, TEST_LIMIT_MS);
    timer.unref?.();
  }

  #markVerified(channel: Channel): void {
    channel.isVerified = true;
    for (const { onListening } of [...channel.subscribers]) onListening(true);
  }

  #release(retryMs = 0): void {
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    this.#isDirect = false;
    this.#retryAt = monotonicMs() + retryMs;
    // Closed, not returned to the pool: its next user would receive the notifications.
    client.release(true);
    for (const [name, channel] of this.#channels) {
      const { isVerified, subscribers } = channel;
      channel.isVerified = false;
      channel.testPayload = undefined;
      if (subscribers.size === 0) this.#channels.delete(name);
      else if (isVerified) for (const { onListening } of [...subscribers]) onListening(false);
    }
  }
}

/**
 * Whether the connection leads to a dedicated server process. A pooler such as PgBouncer invents
 * the process ID that it sends. With transaction pooling, `LISTEN` would succeed on some server
 * connection and never deliver a notification.
 */
async function isDirectConnection(client: PoolClient): Promise<boolean> {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  const { processID } = client;
  return typeof processID !== 'number' || Number(rows[0]?.pid) === processID;
}
