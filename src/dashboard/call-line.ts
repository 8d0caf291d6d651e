import { UNKNOWN_OUTCOME_CODES } from '../proxy/unknown-outcome.js';
import type { CallOutcome } from './messages.js';
import type { CallTally } from './tally.js';

/** The members of a request's line in the log of `samekey proxy` that are counted. */
export interface CallLine {
  readonly outcome: string;
  readonly status: number;
  readonly code?: unknown;
  readonly key?: string | undefined;
  readonly durationMs?: number | undefined;
  /** Not in the log: the proxy reads them from the body of a request for its own dashboard. */
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
}

/** Counts a request that the proxy has answered. One that only passed, or whose client left, is not counted. */
export function countLine(tally: CallTally, line: CallLine, atMs: number): void {
  const outcome = outcomeOf(line);
  if (outcome === undefined) return;
  const { key, durationMs: runMs, model, temperature } = line;
  tally.count({ atMs, outcome, key, runMs, model, temperature });
}

function outcomeOf({ outcome, status, code }: CallLine): CallOutcome | undefined {
  switch (outcome) {
    case 'executed':
      // The response of the API is passed on, and says that it failed.
      return status >= 400 ? 'failed' : 'executed';
    case 'failed':
      return UNKNOWN_OUTCOME_CODES.has(code) ? 'unknown' : 'failed';
    case 'joined':
    case 'replayed':
    case 'refused':
      return outcome;
    default:
      return undefined;
  }
}
