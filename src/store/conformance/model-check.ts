import {
  at,
  type Call,
  EMPTY,
  explain,
  isPast,
  type ModelState,
  type Reply,
  type Span,
} from '../model.js';
import type { Completion, Store } from '../store.js';
import { Choices } from './choices.js';
import { HOUR_MS, newOwner, type Rule, type Stage } from './stage.js';

/** How many calls a key gets before the check takes another key. */
const CALLS_PER_KEY = 60;
/** How many of the last owners still send calls. Older ones count as crashed. */
const OWNERS_ALIVE = 4;
/** A lease or time to live short enough to wait for, if the clock cannot be moved. */
const BRIEF_MS = 2;
/** Stores may round times to a millisecond. */
const ROUNDING_MS = 1;

/** One call of a batch. All calls of a batch are sent before any of them is answered. */
interface Sent {
  readonly call: Call;
  /** Whether the check ignores the reply. */
  readonly isLost: boolean;
  reply?: Reply;
}

/** One of the last owners that claimed the key. */
interface Owner {
  readonly name: string;
  readonly claim: Call;
  /** The last call that it sent, whether or not it received the reply. */
  last: Call;
  /** The outcome of its run, the same however often it is sent. */
  outcome?: Omit<Completion, 'ttlMs'>;
}

/**
 * Random calls of several owners, compared with the model. Owners crash: they send nothing more.
 * Replies get lost: the call is made, its reply is ignored, and it may be sent again. Concurrent
 * calls must be answered as if they had been made in some order.
 */
export const modelCheck: Rule = {
  name: 'random calls with crashes, lost replies and clock jumps get the replies of the model',
  async run(stage) {
    const { moveClock, seed = Math.floor(Math.random() * 2 ** 31), steps } = stage.options;
    const stores = [await stage.open(), await stage.open(), await stage.open()];
    const run = new Run(stage, stores, new Choices(seed));
    await run.take(steps ?? (moveClock === undefined ? 400 : 2000));
  },
};

class Run {
  readonly #stage: Stage;
  readonly #stores: readonly Store[];
  readonly #choices: Choices;
  readonly #hasMovingClock: boolean;
  #key = '';
  #callCount = 0;
  #stepCount = 0;
  #owners: Owner[] = [];
  /** The possible states of the store. There can be more than one until the next read. */
  #states: readonly ModelState[] = [EMPTY];
  /** The calls of this key, for the message of a failure. */
  #trace: string[] = [];
  #now: Span = at(0);
  /**
   * The clock must not go back beyond this: a store may or may not bring an expired record back.
   */
  #leastMs = 0;

  constructor(stage: Stage, stores: readonly Store[], choices: Choices) {
    this.#stage = stage;
    this.#stores = stores;
    this.#choices = choices;
    this.#hasMovingClock = stage.options.moveClock !== undefined;
  }

  async take(steps: number): Promise<void> {
    await this.#takeNewKey();
    while (this.#stepCount < steps) {
      if (this.#callCount >= CALLS_PER_KEY) await this.#takeNewKey();
      if (this.#hasMovingClock && this.#choices.percent(30)) await this.#moveClock();
      const size = this.#choices.one([1, 1, 1, 2, 2, 3]);
      const batch = Array.from({ length: size }, () => this.#choose(size === 1));
      await this.#send(batch);
    }
  }

  async #takeNewKey(): Promise<void> {
    this.#key = this.#stage.newKey();
    this.#callCount = 0;
    this.#owners = [];
    this.#states = [EMPTY];
    this.#trace = [];
    const { nowMs } = await this.#store().read(this.#key);
    this.#now = at(nowMs);
  }

  async #moveClock(): Promise<void> {
    const wantedMs = this.#now.fromMs + this.#choices.whole(-60, 120);
    const byMs = Math.max(wantedMs, this.#leastMs) - this.#now.fromMs;
    await this.#stage.options.moveClock?.(byMs);
    this.#now = at(this.#now.fromMs + byMs);
    this.#trace.push(`clock ${byMs}`);
    this.#noteExpiry();
  }

  #noteExpiry(): void {
    for (const { record } of this.#states) {
      for (const each of [record, record?.former, record?.former?.former]) {
        if (each !== undefined && isPast(each.expires, this.#now)) {
          this.#leastMs = Math.max(this.#leastMs, each.expires.toMs);
        }
      }
    }
  }

  #choose(isAlone: boolean): Sent {
    const choices = this.#choices;
    const isLost = choices.percent(20);
    // A brief call is sent alone, also when it is sent again.
    const owners = this.#owners.filter(
      ({ last }) => isAlone || this.#hasMovingClock || !isBrief(last),
    );
    const owner = owners.length > 0 && choices.percent(60) && choices.one(owners);
    if (owner) {
      owner.last = this.#next(owner, isAlone);
      return { call: owner.last, isLost };
    }
    const type = choices.one(['claim', 'claim', 'claim', 'evict', 'read'] as const);
    if (type !== 'claim') return { call: { type }, isLost };
    const request = {
      owner: newOwner(),
      leaseMs: this.#duration(isAlone, 60),
      ttlMs: this.#duration(isAlone, 300),
      fingerprint: choices.one([undefined, undefined, 'a', 'a', 'b']),
      takeUnknown: choices.percent(60),
      takeFinished: choices.percent(40),
      finishedOwner: choices.percent(30) ? choices.one(this.#owners)?.name : undefined,
    };
    const call = { type, request };
    this.#owners = [...this.#owners, { name: request.owner, claim: call, last: call }].slice(
      -OWNERS_ALIVE,
    );
    return { call, isLost };
  }

  /** Chooses the next call of an owner: its last one again, its claim again, or a new one. */
  #next(owner: Owner, isAlone: boolean): Call {
    const choices = this.#choices;
    if (choices.percent(25) && (isAlone || !isBrief(owner.last))) return owner.last;
    const { name } = owner;
    if (choices.percent(owner.outcome ? 20 : 5) && (isAlone || !isBrief(owner.claim)))
      return owner.claim;
    const type = choices.one(['renew', 'complete', 'complete', 'release'] as const);
    if (type === 'renew') {
      const isEnd = choices.percent(20) && (isAlone || this.#hasMovingClock);
      return { type, owner: name, leaseMs: isEnd ? 0 : this.#duration(isAlone, 60) };
    }
    if (type === 'release') return { type, owner: name };
    owner.outcome ??= {
      state: choices.one(['done', 'failed']),
      codec: 'c',
      payload: Uint8Array.from({ length: choices.whole(0, 3) }, () =>
        choices.one([0, 1, 128, 255]),
      ),
    };
    const ttlMs = this.#duration(isAlone, 300);
    return { type, owner: name, completion: { ...owner.outcome, ttlMs } };
  }

  /**
   * Without a movable clock a duration ends at once or never, so that the time of a call is
   * certain.
   */
  #duration(isAlone: boolean, mostMs: number): number {
    if (this.#hasMovingClock) return this.#choices.whole(1, mostMs);
    return this.#choices.percent(40) && isAlone ? BRIEF_MS : HOUR_MS;
  }

  async #send(batch: readonly Sent[]): Promise<void> {
    this.#stepCount += batch.length;
    this.#callCount += batch.length;
    await Promise.all(
      batch.map(async (sent) => {
        const reply = await make(this.#store(), this.#key, sent.call);
        if (!sent.isLost) sent.reply = reply;
      }),
    );
    const sentAt = await this.#look();
    this.#accept(batch, sentAt);
    if (!this.#hasMovingClock && batch.some(({ call }) => isBrief(call))) {
      await this.#stage.passMs(this.#store(), BRIEF_MS + 4 * ROUNDING_MS, this.#key);
      this.#now = at((await this.#store().read(this.#key)).nowMs);
    }
    const read: Sent = { call: { type: 'read' }, isLost: false };
    read.reply = await this.#store().read(this.#key);
    this.#accept([read], this.#since(read.reply.nowMs));
    if (this.#hasMovingClock) this.#noteExpiry();
    else this.#now = at(read.reply.nowMs);
  }

  /** Returns the span in which the previous calls were made. */
  async #look(): Promise<Span> {
    if (this.#hasMovingClock) return this.#now;
    return this.#since((await this.#store().read(this.#key)).nowMs);
  }

  #since(toMs: number): Span {
    if (this.#hasMovingClock) return this.#now;
    return { fromMs: this.#now.fromMs - ROUNDING_MS, toMs: toMs + ROUNDING_MS };
  }

  /** Keeps the states that some order of the calls leads to. */
  #accept(batch: readonly Sent[], now: Span): void {
    this.#trace.push(batch.map(showSent).join(' | '));
    const found = new Map<string, ModelState>();
    for (const order of ordersOf(batch)) {
      for (const before of this.#states) {
        let state: ModelState | undefined = before;
        for (const { call, reply } of order) state = state && explain(state, call, reply, now);
        if (state !== undefined) found.set(JSON.stringify(state), state);
      }
    }
    if (found.size === 0) this.#fail(now);
    this.#states = [...found.values()];
  }

  #fail(now: Span): never {
    const lines = [
      `Cannot accept the last replies, in any order: seed ${this.#choices.seed}, step ${this.#stepCount}`,
      ...this.#trace.slice(-12).map((line) => `  ${line}`),
      `  clock: ${JSON.stringify(now)}`,
      `  wanted the replies of: ${JSON.stringify(this.#states)}`,
    ];
    throw new Error(lines.join('\n'));
  }

  #store(): Store {
    return this.#choices.one(this.#stores);
  }
}

function make(store: Store, key: string, call: Call): Promise<Reply> {
  switch (call.type) {
    case 'claim':
      return store.claim(key, call.request);
    case 'renew':
      return store.renew(key, call.owner, call.leaseMs);
    case 'complete':
      return store.complete(key, call.owner, call.completion);
    case 'release':
      return store.release(key, call.owner);
    case 'evict':
      return store.evict(key);
    case 'read':
      return store.read(key);
  }
}

function isBrief(call: Call): boolean {
  if (call.type === 'claim') return Math.min(call.request.leaseMs, call.request.ttlMs) === BRIEF_MS;
  if (call.type === 'renew') return call.leaseMs <= BRIEF_MS;
  return call.type === 'complete' && call.completion.ttlMs === BRIEF_MS;
}

function ordersOf<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length < 2) return [list];
  return list.flatMap((first, index) =>
    ordersOf(list.toSpliced(index, 1)).map((rest) => [first, ...rest]),
  );
}

const showSent = ({ call, reply, isLost }: Sent) =>
  `${JSON.stringify(call, showBytes)} → ${isLost ? 'lost' : JSON.stringify(reply, showBytes)}`;

const showBytes = (_: string, value: unknown) =>
  value instanceof Uint8Array ? `bytes ${value.join(' ')}` : value;
