import { nextTask } from '../page/element.js';
import { type Contender, type ContenderName, INPUT_COUNT } from './speed-contenders.js';

export const SIZES = [64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576] as const;

/** How long the page is blocked at a time: too short to notice. */
const SLICE_MS = 10;
/** Warms up until the code is compiled: JavaScript starts 100 times slower. */
const WARM_UP_MS = 60;
const ROUND_COUNT = 5;

/** Nanoseconds per message, by contender, in the order of `SIZES`. */
export type Times = Readonly<Record<ContenderName, (number | undefined)[]>>;

export interface SpeedRun {
  readonly contenders: readonly Contender[];
  readonly signal: AbortSignal;
  onProgress(times: Times, doneFraction: number): void;
}

/**
 * Times every contender at every size, in slices between which the page responds. Each round includes
 * all contenders, so that a slow phase of the machine affects all of them.
 */
export async function runSpeed({ contenders, signal, onProgress }: SpeedRun): Promise<Times> {
  const times: Times = { lanes: [], wasm: [], subtle: [], js: [] };
  for (const [at, size] of SIZES.entries()) {
    const inputs = createInputs(size);
    await checkDigests(contenders, inputs);
    const callCounts = new Map<Contender, number>();
    for (const each of contenders) callCounts.set(each, await callsInSlice(each, inputs, signal));
    const samples = new Map<Contender, number[]>(contenders.map((each) => [each, []]));
    for (let round = 0; round < ROUND_COUNT; round++) {
      for (const each of round % 2 === 0 ? contenders : [...contenders].reverse()) {
        await nextTask();
        if (signal.aborted) return times;
        const callCount = callCounts.get(each) ?? 1;
        const { ms } = await each.run(inputs, callCount);
        const list = samples.get(each) ?? [];
        list.push((ms * 1e6) / (callCount * each.messageCount));
        times[each.name][at] = median(list);
      }
      onProgress(times, (at + (round + 1) / ROUND_COUNT) / SIZES.length);
    }
  }
  return times;
}

/** Warms up, and returns how many calls fit into a slice. */
async function callsInSlice(
  contender: Contender,
  inputs: readonly Uint8Array<ArrayBuffer>[],
  signal: AbortSignal,
): Promise<number> {
  let callCount = 1;
  let spentMs = 0;
  for (;;) {
    await nextTask();
    const { ms } = await contender.run(inputs, callCount);
    spentMs += ms;
    // The clock of a browser has a resolution of 0.1 ms, or of 1 ms in some browsers.
    const inSlice = Math.max(1, Math.round((callCount * SLICE_MS) / Math.max(ms, 0.1)));
    if (spentMs >= WARM_UP_MS || signal.aborted) return inSlice;
    callCount = Math.min(callCount * 2, inSlice);
  }
}

/** Checks that all contenders return the same digests, that of the platform included. */
async function checkDigests(
  contenders: readonly Contender[],
  inputs: readonly Uint8Array<ArrayBuffer>[],
): Promise<void> {
  const seen = new Map<number, string>();
  for (const { run, label, messageCount } of contenders) {
    for (let callCount = 1; callCount <= INPUT_COUNT; callCount++) {
      const { digests } = await run(inputs, callCount);
      for (const [lane, digest] of digests.entries()) {
        const input = messageCount === 1 ? (callCount - 1) % INPUT_COUNT : lane;
        const text = digest.join();
        if ((seen.get(input) ?? text) !== text) {
          throw new Error(`${label} returned a different digest; please report this`);
        }
        seen.set(input, text);
      }
    }
  }
}

/** Generates content from a seed by a linear congruential generator: the same in every browser. */
function createInputs(size: number): Uint8Array<ArrayBuffer>[] {
  let state = size;
  return Array.from({ length: INPUT_COUNT }, () => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[i] = state >>> 24;
    }
    return bytes;
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] as number)) / 2;
}
