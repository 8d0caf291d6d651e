import type { CallOutcome, OutcomeCounts } from '../messages.js';

/** How calls can end, from the bottom of the chart to its top. */
export const OUTCOMES: readonly { readonly name: CallOutcome; readonly meaning: string }[] = [
  { name: 'executed', meaning: 'The call ran' },
  { name: 'joined', meaning: 'A duplicate got the result of a run in progress' },
  { name: 'replayed', meaning: 'A duplicate got a stored result' },
  { name: 'failed', meaning: 'The run failed' },
  { name: 'unknown', meaning: 'The outcome of the run is unknown' },
  { name: 'refused', meaning: 'A duplicate was refused' },
];

export const NO_CALLS: OutcomeCounts = Object.freeze({
  executed: 0,
  joined: 0,
  replayed: 0,
  failed: 0,
  unknown: 0,
  refused: 0,
});

export function plus(a: OutcomeCounts, b: OutcomeCounts): OutcomeCounts {
  return {
    executed: a.executed + b.executed,
    joined: a.joined + b.joined,
    replayed: a.replayed + b.replayed,
    failed: a.failed + b.failed,
    unknown: a.unknown + b.unknown,
    refused: a.refused + b.refused,
  };
}

/** Duplicates among the calls that got a result, as in the metrics; `undefined` without any. */
export function hitRatio({ executed, joined, replayed }: OutcomeCounts): number | undefined {
  const results = executed + joined + replayed;
  return results === 0 ? undefined : (joined + replayed) / results;
}
