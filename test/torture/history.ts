import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Members of every event. `at` is in milliseconds by a clock that all processes of the machine share. */
interface Common {
  readonly at: number;
  /** Each start of a process has its own name. */
  readonly process: string;
}

/** The events that processes record, one line of JSON each. */
export type HistoryEvent = Common &
  (
    | {
        /** A caller calls `once`. */
        readonly type: 'call';
        readonly call: string;
        readonly key: string;
        readonly fresh?: boolean;
        /** Made after the faults, to check that a stored result still exists. */
        readonly audit?: boolean;
      }
    | {
        readonly type: 'answer';
        readonly call: string;
        readonly outcome?: 'executed' | 'joined' | 'replayed';
        readonly layer?: 'process' | 'store';
        /** The run that made the result, and the key of that run. */
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
        /** The store granted a claim; `at` is the time of the reply. */
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
        /** The owner is about to complete, release or end its lease, which may have ended from now on. */
        readonly type: 'ending';
        readonly key: string;
        readonly owner: string;
      }
    | {
        /** The store answered a completion: it stored the result, or another owner has the key. */
        readonly type: 'completed';
        readonly key: string;
        readonly owner: string;
        readonly sentAt: number;
        readonly isKept: boolean;
      }
    | { readonly type: 'evict'; readonly call: string; readonly key: string }
    | { readonly type: 'evicted'; readonly call: string; readonly key: string }
    /** An event of `onEvent` for operators. */
    | { readonly type: 'told'; readonly what: string }
    /** The supervisor killed the process. */
    | { readonly type: 'killed' }
    /** It crashed. */
    | { readonly type: 'crashed'; readonly why: string }
    /** A fault that the supervisor injected. */
    | { readonly type: 'fault'; readonly what: string }
    /** The store has been available long enough to answer all calls. */
    | { readonly type: 'end' }
  );

/** An event without the members that the log adds. */
export type EventBody = HistoryEvent extends infer Each
  ? Each extends HistoryEvent
    ? Omit<Each, 'at' | 'process'>
    : never
  : never;

/** Merges the files of all processes in order of time. */
export function readHistory(folder: string): HistoryEvent[] {
  const events = readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .flatMap((name) => {
      const lines = readFileSync(join(folder, name), 'utf8').split('\n');
      // A killed process may have written half a line.
      lines.pop();
      return lines.map((line) => JSON.parse(line) as HistoryEvent);
    });
  return events.sort((a, b) => a.at - b.at);
}

/** The monotonic clock of the machine, the same in every process. */
export const sharedClockMs = () => Number(process.hrtime.bigint()) / 1e6;
