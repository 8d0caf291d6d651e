import { fail, nameOf } from '../../errors/errors.js';
import { type Glide, glideConnection } from './glide.js';
import type { ScriptName } from './scripts.js';
import { bufferClass, TCP, toBuffer } from './tcp.js';

/**
 * The members that node-redis (4 to 6) and ioredis (5, 6) share, also for a cluster or a sentinel, or
 * that of `@valkey/valkey-glide` (2).
 */
export type RedisClient =
  | {
      /** Sends a command (node-redis and ioredis). */
      sendCommand(...parameters: never[]): unknown;
      /** Creates another client with the same options, for subscriptions. */
      duplicate?(...parameters: never[]): unknown;
    }
  | {
      /** Sends a command (Valkey GLIDE). */
      customCommand(...parameters: never[]): unknown;
    };

export type Argument = string | Uint8Array;

/** How bytes reach the server: unchanged, or as text in JSON. */
export interface Wire {
  /** Resolves when a command that failed unexecuted is to be sent again, else rejects. */
  again(error: unknown, attempt: number): Promise<void>;
  /** Refuses a client: `it gave …`. */
  refuse(what: string): never;
  readonly scripts: Readonly<Record<ScriptName, string>>;
  /**
   * Copies a payload into the arguments `room` and `text` of the script `complete`. `lineLength`
   * returns the length of the lines before the payload.
   */
  pack(
    payload: Uint8Array,
    lineLength: () => number,
  ): { readonly room: string; readonly text: Argument };
  /** A shorter text is never too long for a server. */
  readonly leastLimit: number;
  /** Returns the name of the limit that a text of this length exceeds, if that caused `error`. */
  exceededLimit(
    connection: Connection,
    error: unknown,
    key: string,
    length: number,
  ): Promise<string | undefined>;
}

/** The common interface to all clients. Texts in replies are bytes. */
export interface Connection {
  readonly wire: Wire;
  /** Whether keys are on different nodes, so that a command can be about one key only. */
  readonly isCluster: boolean;
  /** Sends a command about `key`, which selects the node of a cluster. */
  send(key: string, command: readonly Argument[]): Promise<unknown>;
  /** Returns functions that send a command to each master, for keys on any node. */
  masters(): Promise<((command: readonly string[]) => Promise<unknown>)[]>;
  /**
   * Returns a function that ends the watch and returns whether the client has kept its connections
   * since, or `undefined` for a client without events.
   */
  watchInterruptions(): () => boolean | undefined;
  /** Starts to open a connection for subscriptions; `undefined` if the client cannot subscribe. */
  readonly openSubscriber: ((events: SubscriberEvents) => Subscriber) | undefined;
}

export interface SubscriberEvents {
  onMessage(channel: string): void;
  /** Called after a reconnect: messages may have been lost. */
  onReconnect(): void;
}

export interface Subscriber {
  /** Waits for the connection without a time limit. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  close(): void;
}

type Listener = (...values: never[]) => void;
interface Emitter {
  on(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

/** All events by which one of these clients reports a lost or a new connection. */
const INTERRUPTIONS = [
  ...['close', 'connect', 'end', 'error', 'ready', 'reconnecting'],
  ...['+node', '-node', 'node error'],
  ...['node-connect', 'node-disconnect', 'node-error', 'node-ready', 'node-reconnecting'],
  'topology-change',
];

function watchInterruptions(client: Emitter): () => boolean | undefined {
  let isUnbroken = true;
  const interrupt = () => {
    isUnbroken = false;
  };
  // A wrapper object around a client may have no events.
  if (typeof client.on !== 'function' || typeof client.off !== 'function') return () => undefined;
  for (const event of INTERRUPTIONS) client.on(event, interrupt);
  return () => {
    for (const event of INTERRUPTIONS) client.off(event, interrupt);
    return isUnbroken;
  };
}

interface IoRedis extends Emitter {
  /**
   * Other commands have such a method, too. `callBuffer` loses the command under auto-pipelining.
   */
  evalshaBuffer(...rest: Argument[]): Promise<unknown>;
  /** Only for a cluster. */
  nodes?(role: 'master'): IoRedis[];
  duplicate(...parameters: unknown[]): IoRedis;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  disconnect(): void;
}

interface NodeRedis extends Emitter {
  /** Since version 5. */
  readonly options?: { readonly commandOptions?: { readonly timeout?: number } };
  sendCommand(...parameters: unknown[]): Promise<unknown>;
  /** Only for a cluster. */
  readonly masters?: readonly object[];
  nodeClient?(node: object): NodeRedis | Promise<NodeRedis>;
  /** Only for a sentinel. */
  getSentinelNode?(): unknown;
  duplicate(): NodeRedis;
  connect(): Promise<unknown>;
  subscribe(
    channel: string,
    listener: (message: string, channel: string) => void,
  ): Promise<unknown>;
  unsubscribe(
    channel: string,
    listener?: (message: string, channel: string) => void,
  ): Promise<unknown>;
  /** Since version 5. */
  destroy?(): void;
  disconnect(): Promise<unknown>;
}

/** Detects the kind of client by its methods. `verifyClient` then tests what it really does. */
export function toConnection(client: RedisClient): Connection {
  const can = (name: string) =>
    typeof (client as unknown as Record<string, unknown> | null)?.[name] === 'function';
  const isObject = typeof client === 'object' || typeof client === 'function';
  if (isObject && can('sendCommand')) {
    const canSubscribe = can('duplicate') && can('subscribe');
    if (can('evalshaBuffer')) return ioRedisConnection(client as unknown as IoRedis, canSubscribe);
    if (can('getSentinelNode')) return sentinelConnection(client as unknown as NodeRedis);
    return nodeRedisConnection(client as unknown as NodeRedis, canSubscribe);
  }
  if (isObject && can('customCommand')) return glideConnection(client as unknown as Glide);
  return fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot make a Redis store: client is ${nameOf(client)}, wanted a client of redis (node-redis), ioredis or @valkey/valkey-glide`,
  );
}

/** Returns the address of a client's server, without its password, as far as its options name it. */
export function addressOf(client: RedisClient): string | undefined {
  type Place = { readonly host?: unknown; readonly port?: unknown; readonly path?: unknown };
  const { options, startupNodes, config } = client as {
    readonly options?: Place & { readonly socket?: Place };
    readonly startupNodes?: readonly unknown[];
    readonly config?: { readonly addresses?: readonly unknown[] };
  };
  const nodes = startupNodes ?? config?.addresses;
  const [node] = Array.isArray(nodes) ? nodes : [];
  const places = [options?.socket, options, node].filter(
    (place): place is Place => typeof place === 'object' && place !== null,
  );
  for (const { host, port = 6379, path } of places) {
    if (typeof path === 'string') return path;
    if (typeof host === 'string') return `${host}:${port}`;
  }
  return undefined;
}

/**
 * Returns an error of ioredis without the arguments of its command: those of `HELLO` and `AUTH` have the
 * password, those of a script the result of the program. Messages and errors end up in logs.
 */
function withoutArguments(error: unknown): unknown {
  const { command } = (error ?? {}) as { command?: { readonly name?: unknown } };
  if (!(error instanceof Error) || typeof command?.name !== 'string') return error;
  return Object.create(Object.getPrototypeOf(error), {
    ...Object.getOwnPropertyDescriptors(error),
    command: { value: { name: command.name }, enumerable: true },
  });
}

const hideArguments = (error: unknown) => {
  throw withoutArguments(error);
};

function ioRedisConnection(client: IoRedis, canSubscribe: boolean): Connection {
  const sendTo = (node: IoRedis, [name, ...rest]: readonly Argument[]) => {
    const method = `${String(name).toLowerCase()}Buffer` as 'evalshaBuffer';
    return node[method](...rest.map(toBuffer)).catch(hideArguments);
  };
  return {
    wire: TCP,
    isCluster: typeof client.nodes === 'function',
    send: (_, command) => sendTo(client, command),
    masters: async () =>
      (client.nodes?.('master') ?? [client]).map((node) => (command) => sendTo(node, command)),
    watchInterruptions: () => watchInterruptions(client),
    openSubscriber: canSubscribe
      ? (events) => {
          // The store already uses channel names with the client's prefix.
          const own = { keyPrefix: '', enableOfflineQueue: true, lazyConnect: false };
          const subscriber = client.nodes ? client.duplicate([], own) : client.duplicate(own);
          subscriber.on('error', ignore);
          subscriber.on('ready', () => events.onReconnect());
          subscriber.on('message', (channel: string) => events.onMessage(channel));
          return {
            subscribe: async (channel) =>
              void (await subscriber.subscribe(channel).catch(hideArguments)),
            unsubscribe: async (channel) => void (await subscriber.unsubscribe(channel)),
            close: () => subscriber.disconnect(),
          };
        }
      : undefined,
  };
}

/**
 * The options for replies in bytes, in node-redis 4 and in 5 or later (by the RESP type `$`).
 *
 * By default node-redis 6 makes an `AbortSignal.timeout` for each command: 10 % of the client's processor
 * time. `createOnce` has a time limit of its own, so only a limit that the program has set stays.
 */
function commandOptions({ options }: NodeRedis): object {
  const timeout = options?.commandOptions?.timeout;
  return { returnBuffers: true, typeMapping: { 36: bufferClass() }, timeout };
}

function nodeRedisConnection(client: NodeRedis, canSubscribe: boolean): Connection {
  const options = commandOptions(client);
  const isCluster = typeof client.nodeClient === 'function';
  const sendTo = (node: NodeRedis, command: readonly Argument[]) =>
    node.sendCommand(command.map(toBuffer), options);
  return {
    wire: TCP,
    isCluster,
    send: (key, command) =>
      isCluster
        ? client.sendCommand(key, false, command.map(toBuffer), options)
        : sendTo(client, command),
    masters: async () => {
      const nodes = isCluster
        ? await Promise.all((client.masters ?? []).map((node) => client.nodeClient?.(node)))
        : [client];
      return nodes
        .filter((node) => node !== undefined)
        .map((node) => (command) => sendTo(node, command));
    },
    watchInterruptions: () => watchInterruptions(client),
    openSubscriber: canSubscribe
      ? (events) => {
          const subscriber = client.duplicate();
          subscriber.on('error', ignore);
          subscriber.on('ready', () => events.onReconnect());
          const connected = subscriber.connect();
          connected.catch(ignore);
          const onMessage = (_: string, channel: string) => events.onMessage(channel);
          return {
            async subscribe(channel) {
              await connected;
              await subscriber.subscribe(channel, onMessage);
            },
            unsubscribe: async (channel) => void (await subscriber.unsubscribe(channel)),
            close() {
              if (subscriber.destroy) subscriber.destroy();
              else subscriber.disconnect().catch(ignore);
            },
          };
        }
      : undefined,
  };
}

/** A sentinel of node-redis always uses the current master, and opens subscriptions itself. */
function sentinelConnection(client: NodeRedis): Connection {
  const options = commandOptions(client);
  const send = (command: readonly Argument[]) =>
    client.sendCommand(false, command.map(toBuffer), options);
  return {
    wire: TCP,
    isCluster: false,
    send: (_, command) => send(command),
    masters: async () => [send],
    watchInterruptions: () => watchInterruptions(client),
    openSubscriber(events) {
      const channels = new Set<string>();
      const onMessage = (_: string, channel: string) => events.onMessage(channel);
      const onReconnect = () => events.onReconnect();
      // It reports a lost subscription only by an error.
      for (const event of SENTINEL_CHANGES) client.on(event, onReconnect);
      const unsubscribe = async (channel: string) => {
        channels.delete(channel);
        await client.unsubscribe(channel, onMessage);
      };
      return {
        async subscribe(channel) {
          channels.add(channel);
          await client.subscribe(channel, onMessage);
        },
        unsubscribe,
        close() {
          for (const event of SENTINEL_CHANGES) client.off(event, onReconnect);
          for (const channel of channels) unsubscribe(channel).catch(ignore);
        },
      };
    },
  };
}

const SENTINEL_CHANGES = ['error', 'ready', 'topology-change'];

/** The client reconnects by itself. Without a listener the error would end the process. */
function ignore(): void {}
