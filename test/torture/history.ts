import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What every event has: when, in milliseconds by a clock that all processes of the machine share. */
interface Common {
  readonly at: number;
  /** Each start of a process has a name of its own. */
  readonly process: string;
}

/** What processes write down, one line of JSON each. */
export type HistoryEvent = Common &
  (
    | {
        /** A caller calls `once`. */
        readonly type: 'call';
        readonly call: string;
        readonly key: string;
        readonly fresh?: boolean;
        /** Made when the faults are over, to see whether a kept result is still there. */
        readonly audit?: boolean;
      }
    | {
        readonly type: 'answer';
        readonly call: string;
        readonly outcome?: 'executed' | 'joined' | 'replayed';
        readonly layer?: 'process' | 'store';
        /** The run whose result it is, and the key that run was given. */
        readonly run?: string;
        readonly ofKey?: string;
        readonly code?: string;
      }
    | {
        /** The function starts. */
        readonly type: 'run';
        readonly run: string;
        readonly call: string;
        readonly key: string;
        readonly attempt: number;
        readonly token: number;
      }
    | { readonly type: 'ran'; readonly run: string; readonly threw: boolean }
    | {
        /** The store granted a claim; `at` is when the reply came. */
        readonly type: 'claim';
        readonly key: string;
        readonly owner: string;
        readonly token: number;
        readonly sentAt: number;
        readonly leaseMs: number;
        readonly takesFinished: boolean;
      }
    | {
        readonly type: 'renewed';
        readonly key: string;
        readonly owner: string;
        readonly sentAt: number;
        readonly leaseMs: number;
      }
    | {
        /** The owner is about to complete, release or end its lease: it may be over from now on. */
        readonly type: 'ending';
        readonly key: string;
        readonly owner: string;
      }
    | {
        /** The store answered a completion: the result is kept, or another owner has the key. */
        readonly type: 'completed';
        readonly key: string;
        readonly owner: string;
        readonly sentAt: number;
        readonly isKept: boolean;
      }
    | { readonly type: 'evict'; readonly call: string; readonly key: string }
    | { readonly type: 'evicted'; readonly call: string; readonly key: string }
    /** An event that `onEvent` was told and that an operator would look at. */
    | { readonly type: 'told'; readonly what: string }
    /** The supervisor killed the process. */
    | { readonly type: 'killed' }
    /** It ended by itself. */
    | { readonly type: 'crashed'; readonly why: string }
    /** The supervisor did this to the store or to a process. */
    | { readonly type: 'fault'; readonly what: string }
    /** The store has been back for long enough to answer everything. */
    | { readonly type: 'end' }
  );

/** An event without what the writer of the file adds. */
export type EventBody = HistoryEvent extends infer Each
  ? Each extends HistoryEvent
    ? Omit<Each, 'at' | 'process'>
    : never
  : never;

/** Merges the files that the processes of a run wrote, in the order of time. */
export function readHistory(folder: string): HistoryEvent[] {
  const events = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n');
      // A process that was killed may have left half a line.
      lines.pop();
      return lines.map((line) => JSON.parse(line) as HistoryEvent);
    });
  return events.sort((a, b) => a.at - b.at);
}

/** The machine's clock since it started: the same in every process, and nobody can set it. */
export const sharedClockMs = () => Number(process.hrtime.bigint()) / 1e6;
