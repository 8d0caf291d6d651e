import { afterEvents } from '../../runtime/runtime.js';
import type { Argument } from './client.js';
import type { ScriptRunner } from './script-runner.js';
import type { ScriptName } from './scripts.js';

/** The largest number of keys in one command. A server runs one command at a time. */
const MAX_CALLS = 64;
/** The texts and payloads of one command. A larger payload has a command of its own. */
const MAX_BYTES = 64 * 1024;

/** One call of a step for one key, which resolves to a `T`. */
export interface Call<T> {
  readonly script: ScriptName;
  readonly key: string;
  /** The arguments that all calls of one command have in common. */
  readonly common: readonly string[];
  /** The arguments of this key. */
  readonly own: readonly Argument[];
  /** Reads the reply about this key, and the time that the command has replied. */
  readonly read: (reply: unknown, time: number) => T;
}

interface Pending {
  readonly key: string;
  readonly own: readonly Argument[];
  readonly read: (reply: unknown, time: number) => unknown;
  readonly resolve: (result: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Group {
  readonly script: ScriptName;
  readonly common: readonly string[];
  readonly calls: [Pending, ...Pending[]];
  byteCount: number;
}

/** Whether the error is a reply of the server, such as `OOM command not allowed`. */
const isReply = (error: unknown): error is Error =>
  error instanceof Error && /^[A-Z]{2,} /.test(error.message);

/**
 * Sends calls that are made in one turn of the event loop as one command. A command of 64 keys
 * takes the server a third of the time of 64 commands, and the client half of it.
 *
 * A command that the server refuses changes some of its keys or none. Each call is then sent again
 * as a command of its own, which a store allows for every step.
 */
export class Turns {
  readonly #scripts: ScriptRunner;
  /** Returns the reply to a command: the time, then a reply about each of its keys. */
  readonly #repliesIn: (reply: unknown, count: number) => readonly unknown[];
  readonly #groups = new Map<string, Group>();
  readonly #keys = new Set<string>();
  /** Whether one command may be about several keys. */
  isSharing = false;

  constructor(
    scripts: ScriptRunner,
    repliesIn: (reply: unknown, count: number) => readonly unknown[],
  ) {
    this.#scripts = scripts;
    this.#repliesIn = repliesIn;
  }

  send<T>(call: Call<T>, payloadBytes = 0): Promise<T> {
    this.sendEarlier(call.key);
    if (!this.isSharing || payloadBytes > MAX_BYTES) return this.#sendOne(call);
    return new Promise((resolve, reject) => {
      const { script, key, common, own, read } = call;
      const name = `${script} ${common.join('\n')}`;
      let group = this.#groups.get(name);
      if (group !== undefined) {
        const isFull =
          group.calls.length >= MAX_CALLS || group.byteCount + payloadBytes > MAX_BYTES;
        if (isFull) {
          this.#groups.delete(name);
          this.#sendGroup(group);
          group = undefined;
        }
      }
      if (this.#keys.size === 0) afterEvents(() => this.#sendAll());
      this.#keys.add(key);
      const pending = { key, own, read, resolve, reject };
      if (group === undefined) {
        this.#groups.set(name, { script, common, calls: [pending], byteCount: payloadBytes });
      } else {
        group.calls.push(pending);
        group.byteCount += payloadBytes;
      }
    });
  }

  /** Sends the earlier call of this key, so that the server gets its calls in order. */
  sendEarlier(key: string): void {
    if (this.#keys.size > 0 && this.#keys.has(key)) this.#sendAll();
  }

  #sendAll(): void {
    const groups = [...this.#groups.values()];
    this.#groups.clear();
    this.#keys.clear();
    for (const group of groups) this.#sendGroup(group);
  }

  async #sendGroup({ script, common, calls }: Group): Promise<void> {
    const keys: string[] = [];
    const args: Argument[] = [...common];
    for (const { key, own } of calls) {
      keys.push(key);
      args.push(...own);
    }
    try {
      const reply = await this.#scripts.run(script, keys as [string, ...string[]], args);
      const replies = this.#repliesIn(reply, calls.length);
      const time = Number(replies[0]);
      for (const [at, call] of calls.entries()) settle(call, replies[1 + at], time);
    } catch (error) {
      if (calls.length > 1 && isReply(error)) {
        // The keys of a command must be on one node of a cluster, also behind a proxy.
        if (error.message.startsWith('CROSSSLOT')) this.isSharing = false;
        for (const { key, own, read, resolve } of calls) {
          resolve(this.#sendOne({ script, key, common, own, read }) as never);
        }
      } else {
        for (const { reject } of calls) reject(error);
      }
    }
  }

  async #sendOne<T>({ script, key, common, own, read }: Call<T>): Promise<T> {
    const reply = await this.#scripts.run(script, [key], [...common, ...own]);
    const [time, one] = this.#repliesIn(reply, 1);
    return read(one, Number(time));
  }
}

/** The reply about one key may be unreadable. */
function settle({ read, resolve, reject }: Pending, reply: unknown, time: number): void {
  try {
    resolve(read(reply, time) as never);
  } catch (error) {
    reject(error);
  }
}
