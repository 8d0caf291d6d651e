import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchProvider } from '../http/batch/provider.js';
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
  /** The process that is at it. */
  readonly pid: number;
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
/** What a file is called that is not complete. */
const PART = '.part';

/**
 * A folder with the files of one plan. Until all of them are complete they have other names, and a
 * plan that was broken off begins them again, with the claims that it has.
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

  /** Begins a run, after those that were broken off. */
  async begin(before: PlanFile | undefined): Promise<PlanFile> {
    if (before !== undefined && before.pid !== process.pid && isAlive(before.pid)) {
      throw new CliError(
        EXIT.no,
        `${printable(this.path)}: process ${before.pid} is planning there, wanted another --out`,
      );
    }
    const plan: PlanFile = {
      version: 1,
      state: 'planning',
      pid: process.pid,
      provider: undefined,
      runs: [...(before?.runs ?? []), randomUUID()],
      ...{ lines: 0, toSend: 0, duplicates: 0, finished: 0, underway: 0, skipped: 0 },
      files: [],
    };
    try {
      await mkdir(this.path, { recursive: true });
      for (const name of await readdir(this.path)) {
        if (/^batch-\d+\.jsonl?(?:\.part)?$/.test(name)) await rm(join(this.path, name));
      }
      await this.#replace(plan);
    } catch (error) {
      throw this.#unusable((error as NodeJS.ErrnoException).code);
    }
    return plan;
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

  /** Gives the files their names. */
  async finish(plan: PlanFile): Promise<PlanFile> {
    const files: PlannedFile[] = [];
    for (const number of this.numbers) {
      const name = this.#name(number);
      const { requests, bytes } = this.#files.get(number) as { requests: number; bytes: number };
      const end = this.#provider === 'anthropic' ? ']}\n' : '';
      if (end !== '') await this.#write(`${name}${PART}`, end);
      await rename(join(this.path, `${name}${PART}`), join(this.path, name));
      files.push({ file: name, requests, bytes: bytes + end.length });
    }
    const finished: PlanFile = { ...plan, state: 'planned', provider: this.#provider, files };
    await this.#replace(finished);
    return finished;
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
    const path = join(this.path, PLAN);
    await writeFile(`${path}${PART}`, `${JSON.stringify(plan, undefined, 2)}\n`);
    await rename(`${path}${PART}`, path);
  }

  #unusable(code: string | undefined): CliError {
    return new CliError(EXIT.unreadable, `${printable(this.path)}: cannot be written (${code})`);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
