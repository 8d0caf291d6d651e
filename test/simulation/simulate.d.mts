import type { Found, Replayed, Summary, Task } from './worker.js';

/** One text of one source file, and what takes its place. */
export interface Change {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export function bundleSimulator(folder: string, change?: Change): Promise<string>;
type ResultOf<Each extends Task> = Each extends { does: 'list' }
  ? string[]
  : Each extends { does: 'replay' | 'seed' }
    ? Replayed
    : Summary;
export function runTask<Each extends Task>(bundle: string, task: Each): Promise<ResultOf<Each>>;
export function runTasks<Each extends Task>(
  bundle: string,
  tasks: readonly Each[],
  threadCount?: number,
): Promise<ResultOf<Each>[]>;
export function merge(results: readonly Summary[]): Summary;
export function show(found: Found): string;
