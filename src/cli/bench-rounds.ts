/** Times by the clock: interleaved rounds, each contender's median. */
import type { Case, Contender } from './bench-cases.js';

export interface Rounds {
  readonly count: number;
  /** How long a contender is at it in one round. */
  readonly batchMs: number;
  /** And before the first, so that what is timed is compiled. */
  readonly warmUpMs: number;
}

export interface Timed {
  readonly name: string;
  readonly isOurs: boolean;
  readonly medianNs: number;
}

/** What is made is looked at, so that making it cannot be left out. */
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

/** How many calls last `batchMs`, found while warming up. */
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

/** In turn in every round, the other way around in every second one: a slow spell hits them all. */
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
