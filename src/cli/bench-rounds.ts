/** Times contenders in interleaved rounds, and takes the median of each. */
import type { Case, Contender } from './bench-cases.js';

export interface Rounds {
  readonly count: number;
  /** How long a contender runs in one round. */
  readonly batchMs: number;
  /** How long it runs before the first round, so that its code is compiled. */
  readonly warmUpMs: number;
}

export interface Timed {
  readonly name: string;
  readonly isOurs: boolean;
  readonly medianNs: number;
}

/** Uses every result, so that the compiler cannot remove the call. */
let sink = 0;

function run({ prepare, call }: Contender, inputs: readonly unknown[], callCount: number): number {
  const mask = inputs.length - 1;
  prepare();
  const start = performance.now();
  for (let i = 0; i < callCount; i++) {
    const text = call(inputs[i & mask] as never);
    sink = (sink + text.charCodeAt(text.length - 1)) | 0;
  }
  return performance.now() - start;
}

/** Warms up, and returns the number of calls that take `batchMs`. */
function callsPerBatch(contender: Contender, inputs: readonly unknown[], rounds: Rounds): number {
  let callCount = 1;
  let spentMs = 0;
  for (;;) {
    const ms = run(contender, inputs, callCount);
    spentMs += ms;
    const perBatch = Math.ceil((callCount * rounds.batchMs) / Math.max(ms, 1e-3));
    if (spentMs >= rounds.warmUpMs) return perBatch;
    callCount = Math.min(callCount * 2, perBatch);
  }
}

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    ((sorted[(sorted.length - 1) >> 1] as number) + (sorted[sorted.length >> 1] as number)) / 2
  );
};

/** Reverses the order in every second round, so that a slow phase of the machine affects all. */
export function timeCase({ contenders, inputs }: Case, rounds: Rounds): Timed[] {
  const entries = contenders.map((contender) => ({
    contender,
    callCount: callsPerBatch(contender, inputs, rounds),
    ns: [] as number[],
  }));
  for (let round = 0; round < rounds.count; round++) {
    for (const { contender, callCount, ns } of round % 2 === 0 ? entries : [...entries].reverse()) {
      ns.push((run(contender, inputs, callCount) / callCount) * 1e6);
    }
  }
  return entries.map(({ contender: { name, isOurs }, ns }) => ({
    name,
    isOurs,
    medianNs: Number(median(ns).toPrecision(4)),
  }));
}
