import type { Connection, Subscriber } from './client.js';

interface Channel {
  readonly watchers: Set<() => void>;
  isSubscribed: boolean;
  /** Subscribing and ending it, one after another. */
  tail: Promise<void>;
}

/** One connection for all subscriptions, opened for the first and kept until `close`. */
export class Subscriptions {
  readonly #open: NonNullable<Connection['openSubscriber']>;
  readonly #channels = new Map<string, Channel>();
  #subscriber: Promise<Subscriber> | undefined;
  #isClosed = false;

  constructor(open: NonNullable<Connection['openSubscriber']>) {
    this.#open = open;
  }

  async watch(name: string, notify: () => void): Promise<() => void> {
    const channel = this.#channels.get(name) ?? {
      watchers: new Set(),
      isSubscribed: false,
      tail: Promise.resolve(),
    };
    this.#channels.set(name, channel);
    // A function of its own: the same `notify` may watch twice.
    const watcher = () => notify();
    channel.watchers.add(watcher);
    const end = () => {
      channel.watchers.delete(watcher);
      this.#settle(name, channel).catch(() => {});
    };
    try {
      await this.#settle(name, channel);
    } catch (error) {
      end();
      throw error;
    }
    return end;
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  /** Subscribes if anybody watches, and ends it if nobody does any longer. */
  #settle(name: string, channel: Channel): Promise<void> {
    const turn = channel.tail.then(async () => {
      const isWanted = channel.watchers.size > 0;
      if (isWanted !== channel.isSubscribed && !this.#isClosed) {
        try {
          const subscriber = await this.#connected();
          await (isWanted ? subscriber.subscribe(name) : subscriber.unsubscribe(name));
          channel.isSubscribed = isWanted;
        } catch (error) {
          this.#drop();
          throw error;
        }
      }
      if (!isWanted && this.#channels.get(name) === channel) this.#channels.delete(name);
    });
    channel.tail = turn.catch(() => {});
    return turn;
  }

  #connected(): Promise<Subscriber> {
    this.#subscriber ??= this.#open({
      onMessage: (name) => this.#tell(this.#channels.get(name)),
      // What was published in between was told to nobody.
      onReconnect: () => {
        for (const channel of this.#channels.values()) this.#tell(channel);
      },
    });
    return this.#subscriber;
  }

  #tell(channel: Channel | undefined): void {
    for (const watcher of channel?.watchers ?? []) watcher();
  }

  /** Gives the connection up; the next to watch opens another. */
  #drop(): void {
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    subscriber?.then(
      (opened) => opened.close(),
      () => {},
    );
    for (const channel of this.#channels.values()) {
      channel.isSubscribed = false;
      this.#tell(channel);
    }
  }
}
