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
import { printable } from '../text/printable.js';
import { lockFolder, unlockFolder } from './batch-folder-lock.js';
import { CliError, EXIT, usageError } from './exit-codes.js';

/** A finished batch file. */
export interface PlannedFile {
  readonly file: string;
  readonly requests: number;
  readonly bytes: number;
}

/** The content of `plan.json`. */
export interface PlanFile {
  readonly version: 1;
  readonly state: 'planning' | 'planned';
  /** The digest of the flags and the input of a finished plan, SHA-256 in hexadecimal digits. */
  readonly digest: string | undefined;
  readonly provider: BatchProvider | undefined;
  /** All runs of the plan. The claims belong to the last one. */
  readonly runs: readonly string[];
  readonly lines: number;
  readonly toSend: number;
  readonly duplicates: number;
  readonly finished: number;
  /** How many of the finished ones are encrypted, and were not checked. */
  readonly unchecked: number;
  readonly unreadable: number;
  readonly underway: number;
  readonly skipped: number;
  readonly files: readonly PlannedFile[];
}

const PLAN = 'plan.json';
/** Suffix of files that are not complete. */
const PART = '.part';
const BATCH_NAME = /^batch-\d+\.jsonl?$/;

/**
 * The folder of one plan. Its batch files have the suffix `.part` until `plan.json` says that they are
 * complete. A run that resumes an interrupted plan writes the files again and takes over its claims.
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

  /** Reads `plan.json`; `undefined` if it does not exist. */
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
      if (plan.version === 1 && Array.isArray(plan.runs) && Array.isArray(plan.files)) return plan;
    } catch {
      // Text that is not JSON is not a plan.
    }
    throw usageError(`${printable(join(this.path, PLAN))}: it is not a plan, wanted another --out`);
  }

  /** Begins a run and locks the folder. Returns a finished plan as it is, unless `restart` is set. */
  async begin({ restart = false } = {}): Promise<PlanFile> {
    let lock: string | undefined;
    try {
      await mkdir(this.path, { recursive: true });
      lock = await lockFolder(this.path);
      const before = await this.read();
      if (before !== undefined && isReadyToSend(before) && !restart) return before;
      const files = before?.files ?? [];
      const names = await readdir(this.path);
      const foreign = names.find(
        (name) => BATCH_NAME.test(name) && !files.some(({ file }) => file === name),
      );
      if (foreign !== undefined) throw this.#occupied(foreign);
      const plan: PlanFile = {
        version: 1,
        state: 'planning',
        digest: undefined,
        provider: undefined,
        runs: [...(before?.runs ?? []), randomUUID()],
        ...{ lines: 0, toSend: 0, duplicates: 0, underway: 0, skipped: 0 },
        ...{ finished: 0, unchecked: 0, unreadable: 0 },
        files,
      };
      await this.#replace(plan);
      for (const name of names) {
        if (BATCH_NAME.test(name.replace(/\.part$/, ''))) await rm(join(this.path, name));
      }
      return plan;
    } catch (error) {
      if (lock !== undefined) await rm(lock, { force: true });
      throw error instanceof CliError
        ? error
        : this.#unusable((error as NodeJS.ErrnoException).code);
    }
  }

  /** Adds a request to the file with this number. `flush` writes it. */
  add(number: number, line: string, provider: BatchProvider): void {
    this.#provider = provider;
    const texts = this.#texts.get(number) ?? [];
    const file = this.#files.get(number) ?? { requests: 0, bytes: 0 };
    const isFirst = file.requests === 0;
    // Anthropic's file is a body that can be posted, with one request per line.
    const text =
      provider === 'openai' ? `${line}\n` : `${isFirst ? '{"requests":[\n' : ','}${line}\n`;
    texts.push(text);
    file.requests++;
    file.bytes += Buffer.byteLength(text);
    this.#texts.set(number, texts);
    this.#files.set(number, file);
  }

  /** Writes the added requests. Every write ends with a complete line. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      for (const [number, texts] of this.#texts) {
        await this.#write(`${this.#name(number)}${PART}`, texts.join(''));
      }
      this.#texts.clear();
    });
    return this.#writing;
  }

  /** Waits for the current write. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  /** Completes the files and renames them to their final names. */
  async finish(plan: PlanFile): Promise<PlanFile> {
    const files: PlannedFile[] = [];
    for (const [number, { requests, bytes }] of [...this.#files].sort(([a], [b]) => a - b)) {
      const file = this.#name(number);
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

  /** Renames the files of a finished plan, also for a process that was killed before it did. */
  async publish({ files }: PlanFile): Promise<void> {
    for (const { file } of files) {
      await rename(join(this.path, `${file}${PART}`), join(this.path, file)).catch(ignoreMissing);
    }
    await unlockFolder(this.path);
  }

  /** Deletes the plan, and the folder if it is empty then. */
  async remove(): Promise<void> {
    await rm(join(this.path, PLAN), { force: true });
    await unlockFolder(this.path);
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

  /** Replaces `plan.json` atomically: a killed process leaves the old plan or the new one. */
  async #replace(plan: PlanFile): Promise<void> {
    const name = `${PLAN}${PART}`;
    await writeFile(join(this.path, name), `${JSON.stringify(plan, undefined, 2)}\n`);
    await this.#sync(name);
    await rename(join(this.path, name), join(this.path, PLAN));
  }

  /** Syncs a file to the disk: `plan.json` must be right after a power failure, too. */
  async #sync(name: string): Promise<void> {
    const file = await open(join(this.path, name), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Refuses a finished plan whose digest is another one. */
  requireSame(plan: PlanFile, digest: string): void {
    if (plan.digest === digest) return;
    throw usageError(
      `${printable(this.path)}: it has the plan of another input or of other flags, wanted another --out`,
    );
  }

  #occupied(name: string): CliError {
    const file = printable(join(this.path, name));
    return usageError(`${file}: it already exists and belongs to no plan, wanted another --out`);
  }

  #unusable(code: string | undefined): CliError {
    return new CliError(EXIT.unreadable, `${printable(this.path)}: cannot be written (${code})`);
  }
}

/** Whether the plan has files to send. A plan without files can be made again at any time. */
export function isReadyToSend({ state, files }: PlanFile): boolean {
  return state === 'planned' && files.length > 0;
}

/** The number of the batch in a file. */
export function numberIn({ file }: PlannedFile): number {
  return Number(/\d+/.exec(file)?.[0]);
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
