import { randomUUID } from 'node:crypto';
import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchProvider } from '../batch/request.js';
import { endTurns, takeTurn } from './batch-turn.js';
import { CliError, EXIT, usageError } from './exit-codes.js';
import { printable } from './terminal.js';

/** One file to be sent. */
export interface PlannedFile {
  readonly file: string;
  readonly requests: number;
  readonly bytes: number;
}

/** What is in `plan.json`. */
export interface PlanFile {
  readonly version: 1;
  readonly state: 'planning' | 'planned';
  readonly provider: BatchProvider | undefined;
  /** The last one is the one whose claims count. */
  readonly runs: readonly string[];
  readonly lines: number;
  readonly toSend: number;
  readonly duplicates: number;
  readonly finished: number;
  readonly underway: number;
  readonly skipped: number;
  readonly files: readonly PlannedFile[];
}

const PLAN = 'plan.json';
/** What a file is called that is not to be sent yet. */
const PART = '.part';
const BATCH = /^batch-\d+\.jsonl?$/;

/**
 * A folder with the files of one plan. They have other names until `plan.json` says that they are
 * complete, and a plan that was broken off before begins them again, with the claims that it has.
 */
export class PlanFolder {
  readonly path: string;
  readonly #texts = new Map<number, string[]>();
  readonly #files = new Map<number, { requests: number; bytes: number }>();
  #provider: BatchProvider | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string) {
    if (path === '') throw usageError('--out is empty: wanted the name of a folder');
    this.path = path;
  }

  /** What is in the folder, if there is a plan. */
  async read(): Promise<PlanFile | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.path, PLAN), 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return undefined;
      throw this.#unusable(code);
    }
    try {
      const plan: PlanFile = JSON.parse(text);
      if (plan.version === 1 && Array.isArray(plan.runs)) return plan;
    } catch {
      // It is no plan either way.
    }
    throw usageError(`${printable(join(this.path, PLAN))}: it is not a plan, wanted another --out`);
  }

  /**
   * Begins a run after those that were broken off. A plan that is finished by now stays so unless it
   * is to be made anew.
   */
  async begin({ isAnew = false } = {}): Promise<PlanFile> {
    let turn: string | undefined;
    try {
      await mkdir(this.path, { recursive: true });
      turn = await takeTurn(this.path);
      const before = await this.read();
      if (before !== undefined && isMade(before) && !isAnew) return before;
      const files = before?.files ?? [];
      const names = await readdir(this.path);
      const other = names.find(
        (name) => BATCH.test(name) && !files.some(({ file }) => file === name),
      );
      if (other !== undefined) throw this.#occupied(other);
      const plan: PlanFile = {
        version: 1,
        state: 'planning',
        provider: undefined,
        runs: [...(before?.runs ?? []), randomUUID()],
        ...{ lines: 0, toSend: 0, duplicates: 0, finished: 0, underway: 0, skipped: 0 },
        files,
      };
      await this.#replace(plan);
      for (const name of names) {
        if (BATCH.test(name.replace(/\.part$/, ''))) await rm(join(this.path, name));
      }
      return plan;
    } catch (error) {
      if (turn !== undefined) await rm(turn, { force: true });
      throw error instanceof CliError
        ? error
        : this.#unusable((error as NodeJS.ErrnoException).code);
    }
  }

  /** Adds a request to the file with this number. */
  add(number: number, line: string, provider: BatchProvider): void {
    this.#provider = provider;
    const texts = this.#texts.get(number) ?? [];
    const file = this.#files.get(number) ?? { requests: 0, bytes: 0 };
    const isFirst = file.requests === 0;
    // A body that can be posted as it is, one request in each line all the same.
    const text =
      provider === 'openai' ? `${line}\n` : `${isFirst ? '{"requests":[\n' : ','}${line}\n`;
    texts.push(text);
    file.requests++;
    file.bytes += Buffer.byteLength(text);
    this.#texts.set(number, texts);
    this.#files.set(number, file);
  }

  /** Writes what was added. Every write ends with a line. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      for (const [number, texts] of this.#texts) {
        await this.#write(`${this.#name(number)}${PART}`, texts.join(''));
      }
      this.#texts.clear();
    });
    return this.#writing;
  }

  /** Waits until the last line is complete. */
  async end(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  get numbers(): number[] {
    return [...this.#files.keys()].sort((a, b) => a - b);
  }

  requestCount(number: number): number {
    return this.#files.get(number)?.requests ?? 0;
  }

  /** Completes the files, and gives them their names. */
  async finish(plan: PlanFile): Promise<PlanFile> {
    const files: PlannedFile[] = [];
    for (const number of this.numbers) {
      const file = this.#name(number);
      const { requests, bytes } = this.#files.get(number) as { requests: number; bytes: number };
      const end = this.#provider === 'anthropic' ? ']}\n' : '';
      await this.#write(`${file}${PART}`, end);
      await this.#sync(`${file}${PART}`);
      files.push({ file, requests, bytes: bytes + end.length });
    }
    const finished: PlanFile = { ...plan, state: 'planned', files };
    try {
      await this.#replace(finished);
      await this.publish(finished);
    } catch (error) {
      throw this.#unusable((error as NodeJS.ErrnoException).code);
    }
    return finished;
  }

  /** Gives the files of a finished plan their names, where its own process came to no end. */
  async publish({ files }: PlanFile): Promise<void> {
    for (const { file } of files) {
      await rename(join(this.path, `${file}${PART}`), join(this.path, file)).catch(unlessGone);
    }
    await endTurns(this.path);
  }

  /** Takes the plan away, and the folder if nothing else is in it. */
  async remove(): Promise<void> {
    await rm(join(this.path, PLAN), { force: true });
    await endTurns(this.path);
    await rmdir(this.path).catch(() => {});
  }

  #name(number: number): string {
    const extension = this.#provider === 'anthropic' ? 'json' : 'jsonl';
    return `batch-${String(number).padStart(4, '0')}.${extension}`;
  }

  async #write(name: string, text: string): Promise<void> {
    try {
      await appendFile(join(this.path, name), text);
    } catch (error) {
      throw this.#unusable((error as NodeJS.ErrnoException).code);
    }
  }

  /** There is the old plan or the new one, whenever the process ends. */
  async #replace(plan: PlanFile): Promise<void> {
    const name = `${PLAN}${PART}`;
    await writeFile(join(this.path, name), `${JSON.stringify(plan, undefined, 2)}\n`);
    await this.#sync(name);
    await rename(join(this.path, name), join(this.path, PLAN));
  }

  /** What `plan.json` says must be true after a power failure, too. */
  async #sync(name: string): Promise<void> {
    const file = await open(join(this.path, name), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  #occupied(name: string): CliError {
    const there = printable(join(this.path, name));
    return usageError(`${there}: it is there already, and of no plan; wanted another --out`);
  }

  #unusable(code: string | undefined): CliError {
    return new CliError(EXIT.unreadable, `${printable(this.path)}: cannot be written (${code})`);
  }
}

/** Whether there is something to be sent. What has nothing may be planned again at any time. */
export function isMade({ state, files }: PlanFile): boolean {
  return state === 'planned' && files.length > 0;
}

/** The number of the batch in a file. */
export function numberIn({ file }: PlannedFile): number {
  return Number(/\d+/.exec(file)?.[0]);
}

function unlessGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
