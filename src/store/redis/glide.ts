import { monotonicMs, sleep } from '../../runtime/runtime.js';
import type { Argument, Connection, Subscriber, SubscriberEvents } from './client.js';
import { TCP, toBuffer } from './tcp.js';

/** The members of a client of `@valkey/valkey-glide` 2, of one server or of a cluster. */
export interface Glide {
  customCommand(command: Argument[], options: object): Promise<unknown>;
  /** Only for a cluster. */
  pubsubShardChannels?(): unknown;
}

/**
 * The members for subscriptions. `config` and `processPush` are private in its types. A client
 * without one of the others cannot subscribe; without `processPush` it reports no reconnect. Checked
 * with 2.5.2.
 */
interface SubscribingGlide extends Glide {
  /** The options that the client was created with. */
  readonly config: object;
  readonly constructor: { createClient(config: object): Promise<SubscribingGlide> };
  subscribeLazy(channels: readonly string[]): Promise<unknown>;
  unsubscribeLazy(channels: readonly string[]): Promise<unknown>;
  getSubscriptions(): Promise<{ readonly actualSubscriptions: { readonly 0?: Set<unknown> } }>;
  /** Gets each message and each confirmation of a subscription. */
  processPush?(push: unknown): unknown;
  close(): void;
}

/** `Decoder.Bytes` of the package. */
const BYTES = { decoder: 0 };

/** The server's words for what the client calls by names of its own. */
const CODES = new Map(
  Object.entries({
    ResponseError: 'ERR',
    PermissionDenied: 'NOPERM',
    ExecAbortError: 'EXECABORT',
    BusyLoadingError: 'LOADING',
    NoScriptError: 'NOSCRIPT',
    Moved: 'MOVED',
    Ask: 'ASK',
    TryAgain: 'TRYAGAIN',
    ClusterDown: 'CLUSTERDOWN',
    CrossSlot: 'CROSSSLOT',
    MasterDown: 'MASTERDOWN',
    ReadOnly: 'READONLY',
    NotBusy: 'NOTBUSY',
  }),
);

/** Returns the error with the server's words, as the other clients report it. */
function withServerWords(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const message = error.message.trim();
  const [, before, name = '', after] = /^(.*?) ?- (\w+)(?:: (.*))?$/s.exec(message) ?? [];
  const code = CODES.get(name);
  const words =
    error.name === 'TimeoutError'
      ? `${message}: no answer within the requestTimeout of the client`
      : code === undefined
        ? message.replace(/^([A-Z]{2,}): /, '$1 ')
        : `${code} ${after ?? before}`;
  return words === error.message ? error : new Error(words, { cause: error });
}

/** A map, such as the reply to `CONFIG GET`, arrives as a list of keys and values. */
interface Entry {
  readonly key: unknown;
  readonly value: unknown;
}

function withoutEntries(reply: unknown): unknown {
  if (!Array.isArray(reply) || !isEntry(reply[0])) return reply;
  return (reply as Entry[]).flatMap(({ key, value }) => [key, value]);
}

const isEntry = (one: unknown) =>
  typeof one === 'object' && one !== null && Object.hasOwn(one, 'key');

export function glideConnection(client: Glide): Connection {
  const isCluster = typeof client.pubsubShardChannels === 'function';
  const send = async (command: readonly Argument[], route?: object | 'allPrimaries') => {
    const options = route === undefined ? BYTES : { ...BYTES, route };
    try {
      return withoutEntries(await client.customCommand(command.map(toBuffer), options));
    } catch (error) {
      throw withServerWords(error);
    }
  };
  return {
    wire: TCP,
    isCluster,
    // Without a route the client may ask a replica.
    send: (key, command) =>
      isCluster ? send(command, { type: 'primarySlotKey', key }) : send(command),
    async masters() {
      if (!isCluster) return [(command) => send(command)];
      const times = (await send(['TIME'], 'allPrimaries')) as unknown[];
      return times
        .filter((_, at) => at % 2 === 0)
        .map((address) => {
          const [, host, port] = /^(.*):(\d+)$/.exec(String(address)) ?? [];
          const route = { type: 'routeByAddress', host, port: Number(port) };
          return (command) => send(command, route);
        });
    },
    // It has no events.
    watchInterruptions: () => () => undefined,
    openSubscriber: canSubscribe(client) ? subscriberOpener(client) : undefined,
  };
}

/** Since version 2.3. */
function canSubscribe(client: object): client is SubscribingGlide {
  const glide = client as Partial<SubscribingGlide>;
  return (
    typeof glide.config === 'object' &&
    typeof glide.constructor?.createClient === 'function' &&
    typeof glide.subscribeLazy === 'function'
  );
}

/** How long the store waits between failed attempts: this time, twice this time, and so on. */
const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 60 * 60 * 1000;

/**
 * A client of one server that could not be created goes on connecting, some 40 times a second, until
 * the server accepts it. So the pauses between the attempts grow.
 */
function subscriberOpener(client: SubscribingGlide): NonNullable<Connection['openSubscriber']> {
  let failure: { readonly error: unknown; readonly at: number } | undefined;
  let pauseMs = 0;
  return (events) => {
    if (failure !== undefined && monotonicMs() - failure.at < pauseMs) throw failure.error;
    const subscriber = new GlideSubscriber(client, events);
    subscriber.client.then(
      () => {
        failure = undefined;
        pauseMs = 0;
      },
      (error) => {
        if (failure !== undefined) pauseMs = Math.min(2 * pauseMs || FIRST_RETRY_MS, MAX_RETRY_MS);
        failure = { error, at: monotonicMs() };
      },
    );
    return subscriber;
  };
}

/** The first and the longest pause before the client is asked for its subscriptions. */
const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 100;

/**
 * A second client with the same options. Its `subscribe` would repeat a refused command thousands of
 * times a second, so `subscribeLazy` starts a subscription, and `getSubscriptions` tells when it is
 * there. The latter takes 3 ms for 1,000 channels, so it is asked for all changes at once.
 */
class GlideSubscriber implements Subscriber {
  readonly client: Promise<SubscribingGlide>;
  /** The changes that the client has not confirmed: the channel, and whether it is subscribed. */
  readonly #changes = new Map<string, { isWanted: boolean; settle: (error?: unknown) => void }>();
  readonly #onReconnect: () => void;
  /** How many confirmations are still expected. */
  #expected = 0;
  #isAsking = false;
  #isClosed = false;
  /** Settles when the client has answered everything. Closed earlier, it would report a failed write. */
  #answered: Promise<unknown> = Promise.resolve();

  constructor(client: SubscribingGlide, events: SubscriberEvents) {
    this.#onReconnect = events.onReconnect;
    let wasMessage = false;
    const callback = ({ channel }: { readonly channel: unknown }) => {
      wasMessage = true;
      events.onMessage(String(channel));
    };
    this.client = client.constructor
      .createClient({
        ...client.config,
        // Older protocols have no messages beside replies.
        protocol: undefined,
        clientSideCache: undefined,
        pubsubSubscriptions: { channelsAndPatterns: {}, callback },
      })
      .then((subscriber) => {
        const process = subscriber.processPush?.bind(subscriber);
        if (process !== undefined) {
          subscriber.processPush = (push) => {
            wasMessage = false;
            process(push);
            if (!wasMessage) this.#confirm();
          };
        }
        return subscriber;
      });
  }

  subscribe(channel: string): Promise<void> {
    return this.#change(channel, true);
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#change(channel, false);
  }

  close(): void {
    this.#isClosed = true;
    this.#settleAll(new Error('the store is closed'));
    this.client.then(
      async (client) => {
        await this.#answered;
        client.close();
      },
      () => {},
    );
  }

  /** A confirmation that nobody waits for: the client has subscribed again after a reconnect. */
  #confirm(): void {
    if (this.#expected > 0) this.#expected--;
    else this.#onReconnect();
  }

  async #change(channel: string, isWanted: boolean): Promise<void> {
    const client = await this.client;
    if (this.#isClosed) throw new Error('the store is closed');
    this.#expected++;
    const isSettled = new Promise<void>((resolve, reject) => {
      const settle = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      this.#changes.set(channel, { isWanted, settle });
    });
    if (!this.#isAsking) void this.#ask(client);
    const change = isWanted ? client.subscribeLazy([channel]) : client.unsubscribeLazy([channel]);
    await Promise.all([isSettled, this.#answerOf(change)]);
  }

  /** Asks for the subscriptions of the client until it has confirmed all changes. */
  async #ask(client: SubscribingGlide): Promise<void> {
    this.#isAsking = true;
    let pauseMs = FIRST_PAUSE_MS;
    try {
      while (this.#changes.size > 0) {
        await sleep(pauseMs);
        if (this.#isClosed) break;
        const askedAt = monotonicMs();
        const { actualSubscriptions } = await this.#answerOf(client.getSubscriptions());
        const names = new Set([...(actualSubscriptions[0] ?? [])].map(String));
        for (const [channel, { isWanted, settle }] of this.#changes) {
          if (names.has(channel) !== isWanted) continue;
          this.#changes.delete(channel);
          settle();
        }
        pauseMs = Math.min(MAX_PAUSE_MS, Math.max(2 * pauseMs, 2 * (monotonicMs() - askedAt)));
      }
    } catch (error) {
      this.#settleAll(error);
    }
    this.#isAsking = false;
  }

  #answerOf<T>(answer: Promise<T>): Promise<T> {
    this.#answered = Promise.allSettled([this.#answered, answer]);
    return answer;
  }

  #settleAll(error: unknown): void {
    for (const { settle } of this.#changes.values()) settle(error);
    this.#changes.clear();
  }
}
