import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EncryptedCodecOptions } from '../../src/once/index.js';
import { ended } from '../servers/process.js';

const PROGRAM = fileURLToPath(new URL('worker.mjs', import.meta.url));

export interface StoreName {
  /** A kind of store in `open-store.mjs`. */
  readonly kind: string;
  /** Its address, or its path. */
  readonly at: string;
}

export interface WorkerOptions {
  /** Options of `createOnce` that can be sent. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Where it stops until it is resumed. */
  readonly stopAt?: 'claim' | 'function' | 'complete';
}

/** The callers' answers: each different answer once. */
export interface Answers {
  readonly answers: readonly string[];
  readonly count: number;
}

/** A process that shares a store with others. */
export class Worker {
  readonly child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve(message: never): void; reject(error: Error): void }
  >();
  #nextId = 0;
  readonly ready: Promise<void>;
  private readonly stopped: Promise<void>;
  /** Whether it ended on its own, for example by an uncaught error. */
  hasCrashed = false;
  #isEnding = false;
  #errors = '';

  constructor(storeName: StoreName, { options = {}, stopAt }: WorkerOptions = {}) {
    this.child = fork(PROGRAM, [JSON.stringify({ storeName, options, stopAt })], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.child.stderr?.on('data', (data) => {
      this.#errors += data;
    });
    let onReady = () => {};
    let onStopped = () => {};
    this.ready = new Promise((resolve, reject) => {
      onReady = resolve;
      this.child.on('exit', () => {
        const error = new Error(`the worker ended: ${this.#errors}`);
        reject(error);
        for (const waiting of this.#waiting.values()) waiting.reject(error);
      });
    });
    this.ready.catch(() => {});
    this.stopped = new Promise((resolve) => {
      onStopped = resolve;
    });
    this.child.on('message', (message: { type?: string; id?: number }) => {
      if (message.type === 'ready') onReady();
      if (message.type === 'stopped') onStopped();
      if (message.id === undefined) return;
      this.#waiting.get(message.id)?.resolve(message as never);
      this.#waiting.delete(message.id);
    });
    this.child.on('exit', () => {
      if (!this.#isEnding) this.hasCrashed = true;
    });
  }

  call(what: { key: string; log: string; callers?: number; takesMs?: number }): Promise<Answers> {
    return this.#ask({ type: 'call', ...what });
  }

  /** Lets the given number of callers read a stream of the provider. */
  stream(what: {
    url: string;
    callers: number;
  }): Promise<Answers & { readonly stats: Readonly<Record<string, number>> }> {
    return this.#ask({ type: 'stream', ...what });
  }

  /** Encrypts and decrypts with these options of `encryptedCodec` from now on. */
  encrypt(encryption: EncryptedCodecOptions): Promise<object> {
    return this.#ask({ type: 'encrypt', encryption });
  }

  record(key: string): Promise<{ state?: string; text?: string }> {
    return this.#ask({ type: 'record', key });
  }

  /** Resolves when it has stopped during that call; rejects if it ends earlier. */
  async stoppedDuring(call: Promise<Answers>): Promise<void> {
    const ended = call.then(({ answers }) => {
      throw new Error(`the call ended before: ${answers}`);
    });
    await Promise.race([this.stopped, ended]);
    // Its later outcome belongs to the test.
    ended.catch(() => {});
  }

  resume(): void {
    this.child.send({ type: 'resume' });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.#isEnding = true;
    this.child.kill('SIGKILL');
    await ended(this.child);
  }

  #ask<T>(message: object): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.child.send({ ...message, id });
    });
  }
}

/** The workers of a test and the output of their functions. All are removed at its end. */
export class Crew {
  readonly #workers: Worker[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'samekey-once-'));
  readonly log = join(this.#folder, 'runs.jsonl');
  readonly storeName: StoreName;

  constructor(storeName: StoreName) {
    this.storeName = storeName;
  }

  async start(options?: WorkerOptions): Promise<Worker> {
    const worker = new Worker(this.storeName, options);
    this.#workers.push(worker);
    await worker.ready;
    return worker;
  }

  /** Every run of a function, in order of their start. */
  runs(): readonly { key: string; attempt: number; fencingToken: number; pid: number }[] {
    let text = '';
    try {
      text = readFileSync(this.log, 'utf8');
    } catch {
      // None yet.
    }
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }

  get hasCrashed(): boolean {
    return this.#workers.some((worker) => worker.hasCrashed);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
