import { monotonicMs } from '../../runtime/runtime.js';
import type { Connection, Subscriber } from './client.js';
import { withinMs } from './time-limit.js';

/** How long subscribing may take, including the connection. */
const SUBSCRIBE_LIMIT_MS = 3000;
/** How long to wait after a failed connection before the next one is opened. */
const RETRY_AFTER_MS = 5000;

interface Channel {
  readonly watchers: Set<() => void>;
  isSubscribed: boolean;
  /** Resolves when the last subscribe or unsubscribe of this channel has finished. */
  lastUpdate: Promise<void>;
}

/**
 * One connection for all subscriptions, opened for the first and kept until `close`. A connection
 * that fails or does not answer is closed. Until there is a new one, `watch` rejects and callers
 * poll.
 */
export class Subscriptions {
  readonly #open: NonNullable<Connection['openSubscriber']>;
  readonly #channels = new Map<string, Channel>();
  #subscriber: Subscriber | undefined;
  #failure: { readonly error: unknown; readonly at: number } | undefined;
  #isClosed = false;

  constructor(open: NonNullable<Connection['openSubscriber']>) {
    this.#open = open;
  }

  async watch(name: string, notify: () => void): Promise<() => void> {
    const channel = this.#channels.get(name) ?? {
      watchers: new Set(),
      isSubscribed: false,
      lastUpdate: Promise.resolve(),
    };
    this.#channels.set(name, channel);
    // Wrapped, so that the same `notify` can watch twice.
    const watcher = () => notify();
    channel.watchers.add(watcher);
    const end = () => {
      channel.watchers.delete(watcher);
      this.#update(name, channel).catch(() => {});
    };
    try {
      await this.#update(name, channel);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  close(): void {
    this.#isClosed = true;
    this.#disconnect();
  }

  /** Subscribes if the channel has watchers, and unsubscribes if none is left. */
  #update(name: string, channel: Channel): Promise<void> {
    const update = channel.lastUpdate.then(async () => {
      const isWanted = channel.watchers.size > 0;
      if (isWanted !== channel.isSubscribed && !this.#isClosed) {
        const subscriber = this.#openOnce();
        try {
          const change = isWanted ? subscriber.subscribe(name) : subscriber.unsubscribe(name);
          await withinMs(SUBSCRIBE_LIMIT_MS, 'a subscription', change);
        } catch (error) {
          // Another channel may have reported the same failure before.
          if (this.#subscriber === subscriber) this.#fail(error);
          throw error;
        }
        if (this.#subscriber === subscriber) channel.isSubscribed = isWanted;
      }
      const isIdle = channel.watchers.size === 0;
      if (isIdle && this.#channels.get(name) === channel) this.#channels.delete(name);
    });
    channel.lastUpdate = update.catch(() => {});
    return update;
  }

  #openOnce(): Subscriber {
    if (this.#subscriber !== undefined) return this.#subscriber;
    const failure = this.#failure;
    if (failure !== undefined && monotonicMs() - failure.at < RETRY_AFTER_MS) throw failure.error;
    try {
      this.#subscriber = this.#open({
        onMessage: (name) => this.#notify(this.#channels.get(name)),
        // Messages published during the interruption are lost.
        onReconnect: () => this.#notifyAll(),
      });
    } catch (error) {
      this.#fail(error);
      throw error;
    }
    // Subscribes the channels of the previous connection.
    for (const [name, channel] of this.#channels) this.#update(name, channel).catch(() => {});
    return this.#subscriber;
  }

  #notify(channel: Channel | undefined): void {
    for (const watcher of channel?.watchers ?? []) watcher();
  }

  #notifyAll(): void {
    for (const channel of this.#channels.values()) this.#notify(channel);
  }

  #fail(error: unknown): void {
    this.#failure = { error, at: monotonicMs() };
    this.#disconnect();
  }

  /** Closes the connection. The next `watch` opens another one. */
  #disconnect(): void {
    try {
      this.#subscriber?.close();
    } catch {
      // It was closed already, or never open.
    }
    this.#subscriber = undefined;
    for (const channel of this.#channels.values()) channel.isSubscribed = false;
    this.#notifyAll();
  }
}
