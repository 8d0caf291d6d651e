import type { OnceEvent, OnceOptions } from '../../src/once/index.js';
import { type Timer, useRuntime } from '../../src/runtime/runtime.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store, StoreRecord } from '../../src/store/store.js';
import { random } from '../runtime/random.js';
import type { Client } from './clients.js';
import type { Configuration } from './configuration.js';
import { Judge } from './judge.js';

/** The kind of an action. An `effect` happens in the store, all others in a process. */
export type ActionKind =
  | 'timer'
  | 'effect'
  | 'reply'
  | 'notify'
  | 'call'
  | 'end'
  | 'evict'
  | 'close'
  | 'jump'
  | 'resume';

/** One action. Between two actions only promises settle. */
export interface Action {
  readonly id: number;
  readonly kind: ActionKind;
  /** Unique in a schedule, and the same in every run of it. */
  label: string;
  readonly process: Process;
  dueMs: number;
  order: number;
  run(): void;
  /** Its possible faults, by name. */
  readonly faults?: Readonly<Record<string, () => void>>;
  /** How late it may be. */
  readonly delaysMs?: readonly number[];
}

/** A timer of the code under test. The judge checks at the end whether it keeps the process alive. */
class SimulatedTimer implements Timer {
  isKeepingAlive = true;
  action: Action | undefined;
  ref() {
    this.isKeepingAlive = true;
  }
  unref() {
    this.isKeepingAlive = false;
  }
}

/** A simulated process. */
export class Process {
  readonly name: string;
  readonly options: Partial<OnceOptions>;
  isPaused = false;
  isCrashed = false;
  wasPaused = false;
  /** Calls of evict() that have not been answered. */
  evictCount = 0;
  wallOffsetMs = 0;
  client!: Client;
  readonly timers = new Map<Action, SimulatedTimer>();
  readonly events: OnceEvent[] = [];
  readonly #counts = new Map<string, number>();

  constructor(name: string, options: Partial<OnceOptions>) {
    this.name = name;
    this.options = options;
  }

  /** `A.claim3`: the third claim of process A. */
  nextLabel(what: string): string {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return `${this.name}.${what}${count}`;
  }
}

/** Milliseconds since 1970 at which every simulation begins. */
export const EPOCH_MS = 1_800_000_000_000;

/** The simulated world: clocks, timers, processes, the store and the pending actions. */
export class World {
  readonly configuration: Configuration;
  readonly processes: Process[];
  readonly store: Store;
  readonly judge: Judge;
  nowMs = 0;
  /** Counts all actions. A smaller number happened earlier. */
  sequence = 0;
  current: Process | undefined;
  /** The record of the key in the store. */
  record: StoreRecord | undefined;
  /** The key in the store. */
  key: string | undefined;
  readonly log: string[] | undefined;
  pending: Action[] = [];
  #ids = 0;
  readonly #random = random(1);
  #isOver = false;

  constructor(configuration: Configuration, isLogged: boolean) {
    this.configuration = configuration;
    this.log = isLogged ? [] : undefined;
    this.store = memoryStore({
      clock: () => this.storeClockMs(),
      maxEntries: 16,
      maxBytes: 100_000,
    });
    this.processes = configuration.processes.map(
      (options, i) => new Process(String.fromCharCode(65 + i), options),
    );
    this.judge = new Judge(this);
  }

  /** By the store's clock, which no schedule sets. */
  storeClockMs(): number {
    return EPOCH_MS + this.nowMs;
  }

  /** Makes this the runtime of the code under test. Returns a function that ends this. */
  install(): () => void {
    return useRuntime({
      monotonicMs: () => this.nowMs,
      steadyClockMs: () => EPOCH_MS + this.nowMs,
      wallClockMs: () => EPOCH_MS + this.nowMs + (this.current?.wallOffsetMs ?? 0),
      setTimer: (callback, delayMs) => this.#setTimer(callback, delayMs),
      clearTimer: (timer) => this.#clearTimer(timer as SimulatedTimer | undefined),
      random: () => this.#random(),
      randomUuid: () => `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`,
    });
  }

  end(): void {
    this.#isOver = true;
    this.pending = [];
  }

  say(text: string): void {
    this.log?.push(`${String(this.nowMs).padStart(6)} ms  ${text}`);
  }

  add(action: Omit<Action, 'id' | 'order'>): Action {
    const id = ++this.#ids;
    const added = { ...action, id, order: id };
    if (this.#isOver || (action.process.isCrashed && action.kind !== 'effect')) return added;
    this.pending.push(added);
    return added;
  }

  remove(action: Action): void {
    const at = this.pending.indexOf(action);
    if (at >= 0) this.pending.splice(at, 1);
    action.process.timers.delete(action);
  }

  isEnabled(action: Action): boolean {
    return action.kind === 'effect' || action.kind === 'resume' || !action.process.isPaused;
  }

  /** The next action without a deviation. */
  front(): Action | undefined {
    let front: Action | undefined;
    for (const action of this.pending) {
      if (!this.isEnabled(action)) continue;
      if (
        front === undefined ||
        action.dueMs < front.dueMs ||
        (action.dueMs === front.dueMs && action.order < front.order)
      ) {
        front = action;
      }
    }
    return front;
  }

  perform(action: Action, how: () => void = action.run): void {
    this.sequence++;
    this.current = action.process;
    this.remove(action);
    how();
  }

  /** Lets every promise settle that can. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.current = undefined;
        resolve();
      };
      // Some steps of the platform's streams are not promises.
      setImmediate(this.configuration.layer === undefined ? end : () => setImmediate(end));
    });
  }

  delay(action: Action, delayMs: number): void {
    action.dueMs = this.nowMs + delayMs;
    action.order = ++this.#ids;
    action.label += "'";
  }

  crash(process: Process): void {
    this.sequence++;
    process.isCrashed = true;
    // Requests that were sent to the store still take effect.
    this.pending = this.pending.filter(
      ({ process: owner, kind }) => owner !== process || kind === 'effect',
    );
    process.timers.clear();
  }

  pause(process: Process, forMs: number): void {
    process.isPaused = true;
    process.wasPaused = true;
    this.add({
      kind: 'resume',
      label: process.nextLabel('resume'),
      process,
      dueMs: this.nowMs + forMs,
      run: () => {
        process.isPaused = false;
        // As in Node.js, due timers fire before replies are read.
        const held = this.pending.filter(
          (action) =>
            action.process === process && action.kind !== 'effect' && action.dueMs <= this.nowMs,
        );
        held.sort(
          (a, b) =>
            Number(b.kind === 'timer') - Number(a.kind === 'timer') ||
            a.dueMs - b.dueMs ||
            a.order - b.order,
        );
        for (const action of held) {
          action.dueMs = this.nowMs;
          action.order = ++this.#ids;
        }
      },
    });
  }

  /** A text of everything that determines the future: the record, the clocks, the pending actions and the callers' results. */
  stateHash(): number {
    const { record } = this;
    let hash = 2166136261;
    const add = (text: string) => {
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
    };
    const leftMs = record && (record.leaseEndsAtMs || record.expiresAtMs) - this.storeClockMs();
    add(`${record?.state} ${record?.attempt} ${leftMs}`);
    for (const { label, dueMs } of this.pending) add(`${label} ${dueMs - this.nowMs}`);
    for (const { answeredAt, answer, abortedAt } of this.judge.calls) {
      add(`${answeredAt !== undefined} ${answer?.run} ${abortedAt !== undefined}`);
    }
    for (const { isPaused, isCrashed } of this.processes) add(`${isPaused} ${isCrashed}`);
    return hash;
  }

  #setTimer(callback: () => void, delayMs: number): Timer {
    const process = this.current;
    if (process === undefined) throw new Error('A timer is set by no process');
    const timer = new SimulatedTimer();
    // Whole milliseconds, and 1 at least, as in Node.js.
    const dueMs = this.nowMs + Math.max(1, Math.trunc(delayMs));
    const action = this.add({
      kind: 'timer',
      label: process.nextLabel('timer'),
      process,
      dueMs,
      run: callback,
    });
    timer.action = action;
    process.timers.set(action, timer);
    return timer;
  }

  #clearTimer(timer: SimulatedTimer | undefined): void {
    if (timer?.action !== undefined) this.remove(timer.action);
  }
}
