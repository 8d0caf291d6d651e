import { type ChildProcess, fork } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ended, endWithTests } from '../servers/process.js';
import { type EventBody, type HistoryEvent, readHistory, sharedClockMs } from './history.js';

// The same path from `test/torture/` and from `build/torture/`, the folder of the bundle.
const WORKER = fileURLToPath(new URL('../../test/torture/worker.mjs', import.meta.url));

/** The store of a worker. `kind` names a line of `open-store.mjs`; the rest are its options. */
export interface StoreAt {
  readonly kind: string;
  readonly [member: string]: unknown;
}

/** The load of the workers. Durations are a fraction of the defaults, so that much happens in little time. */
export interface Load {
  readonly startedAt: number;
  /** Concurrent calls in each process. */
  readonly callers: number;
  readonly pauseMs: number;
  /** The number of new keys in each `windowMs`. */
  readonly keysPerWindow: number;
  readonly windowMs: number;
  readonly leaseMs: number;
  readonly storeTimeoutMs: number;
  readonly ttlMs: number;
  /** Shares of the calls. */
  readonly evicts: number;
  readonly freshCalls: number;
  /** The bytes of one result in ten. */
  readonly largeBytes: number;
}

export const LOAD: Omit<Load, 'startedAt'> = {
  callers: 3,
  pauseMs: 30,
  keysPerWindow: 4,
  windowMs: 150,
  leaseMs: 1000,
  storeTimeoutMs: 400,
  ttlMs: 60 * 60 * 1000,
  evicts: 0.01,
  freshCalls: 0.02,
  largeBytes: 2000,
};

interface Worker {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly idle: Promise<void>;
  /** Its standard error. */
  errors(): string;
  isPaused: boolean;
}

/** The processes of one row, and their files. */
export class Crew {
  readonly #folder = mkdtempSync(join(tmpdir(), 'samekey-torture-'));
  readonly #workers: Worker[] = [];
  readonly #row: string;
  /** Workers use them in turn. */
  readonly #stores: readonly StoreAt[];
  readonly #load: Load;
  readonly #random: () => number;
  readonly #expectedEnds = new Set<ChildProcess>();
  #startCount = 0;
  #isOver = false;

  constructor(row: string, stores: readonly StoreAt[], load: Load, random: () => number) {
    this.#row = row;
    this.#stores = stores;
    this.#load = load;
    this.#random = random;
  }

  /** Records a fault. */
  note(event: EventBody, process = 'supervisor') {
    if (this.#isOver) return;
    const line = JSON.stringify({ at: sharedClockMs(), process, ...event });
    appendFileSync(join(this.#folder, 'supervisor.jsonl'), `${line}\n`);
  }

  /** The file of the process with this name. */
  logOf(name: string): string {
    return join(this.#folder, `${name}.jsonl`);
  }

  /** A number below 2³¹ that depends on the seed of the run. */
  seed(): number {
    return Math.floor(this.#random() * 2 ** 31);
  }

  async start(count: number): Promise<void> {
    const started = Array.from({ length: count }, () => this.#start(this.#load.callers));
    this.#workers.push(...started);
    await Promise.all(started.map(({ ready }) => ready));
    // Otherwise the checker would find nothing in an empty history.
    const dead = started.find(({ child }) => child.exitCode !== null);
    if (dead !== undefined) throw new Error(`a worker did not start: ${dead.errors()}`);
  }

  #start(callers: number): Worker {
    const number = this.#startCount++;
    const name = `w${number}`;
    const job = {
      name,
      log: this.logOf(name),
      store: this.#stores[number % this.#stores.length],
      seed: this.seed(),
      row: this.#row,
      load: { ...this.#load, callers },
    };
    const child = fork(WORKER, [JSON.stringify(job)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    endWithTests(child);
    let errors = '';
    child.stderr?.on('data', (data) => {
      errors = `${errors}${data}`.slice(-2000);
    });
    child.on('error', () => {});
    const said = (type: string) =>
      new Promise<void>((resolve) => {
        child.on('message', (message: { type: string }) => {
          if (message.type === type) resolve();
        });
        child.on('exit', () => resolve());
      });
    child.on('exit', (code, signal) => {
      if (this.#expectedEnds.has(child)) return;
      this.note({ type: 'crashed', why: `${code ?? signal}: ${errors}` }, name);
    });
    return {
      name,
      child,
      ready: said('ready'),
      idle: said('idle'),
      errors: () => errors,
      isPaused: false,
    };
  }

  /** Kills a process at any moment and starts another one. */
  async killOne(): Promise<void> {
    const index = Math.floor(this.#random() * this.#workers.length);
    const worker = this.#workers[index];
    if (worker === undefined) return;
    await this.#kill(worker);
    this.#workers[index] = this.#start(this.#load.callers);
  }

  async #kill({ name, child }: Worker): Promise<void> {
    this.#expectedEnds.add(child);
    child.kill('SIGKILL');
    await ended(child);
    this.note({ type: 'killed' }, name);
  }

  /** Stops a process, like a suspended machine or a long garbage collection. */
  async pauseOne(forMs: number): Promise<void> {
    const worker = this.#workers[Math.floor(this.#random() * this.#workers.length)];
    if (worker === undefined || worker.isPaused) return;
    worker.isPaused = true;
    worker.child.kill('SIGSTOP');
    await sleep(forMs);
    worker.child.kill('SIGCONT');
    worker.isPaused = false;
  }

  /** Waits until all calls settle, with the store available. A call without an answer after `graceMs` counts as unanswered. */
  async finish(graceMs: number): Promise<void> {
    await Promise.all(this.#workers.map(({ ready }) => ready));
    for (const { child } of this.#workers) if (child.connected) child.send({ type: 'stop' });
    const idle = Promise.all(this.#workers.map((worker) => worker.idle));
    await Promise.race([idle, sleep(graceMs, undefined, { ref: false })]);
    this.note({ type: 'end' });
  }

  /**
   * Calls with the keys whose results the store acknowledged: in a new process, or in the only process
   * that has them.
   */
  async audit(numbers: readonly number[], isOfOneProcess = false): Promise<void> {
    const [only] = this.#workers;
    const auditor = isOfOneProcess && only !== undefined ? only : this.#start(0);
    if (auditor !== only) this.#workers.push(auditor);
    await auditor.ready;
    const audited = new Promise<void>((resolve) => {
      auditor.child.on('message', (message: { type: string }) => {
        if (message.type === 'audited') resolve();
      });
      auditor.child.on('exit', () => resolve());
    });
    if (auditor.child.connected) auditor.child.send({ type: 'audit', numbers });
    await Promise.race([audited, sleep(60_000, undefined, { ref: false })]);
  }

  history(): HistoryEvent[] {
    return readHistory(this.#folder);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(
      this.#workers.map(async ({ child }) => {
        this.#expectedEnds.add(child);
        child.kill('SIGKILL');
        await ended(child);
      }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
