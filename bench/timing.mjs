/**
 * One figure: the median time of one call, by tinybench.
 *
 * A call of 200 ns is near the cost of reading the clock, so a sample of tinybench is a batch: the task
 * calls the contender for about 200 µs and reports the mean.
 */
import { Bench } from 'tinybench';

const BATCH_MS = 0.2;

/** Reads every result, so that no contender leaves its text unfinished. */
let sink = 0;

/** @param {unknown} output */
const consume = (output) => {
  if (Array.isArray(output)) output.forEach(consume);
  else if (typeof output === 'string') sink = (sink + output.charCodeAt(output.length - 1)) | 0;
  else sink = (sink + (output ? 1 : 0)) | 0;
};

/**
 * @typedef {object} Timing
 * @property {number} timeMs of sampling
 * @property {number} warmupMs before the sampling
 * @property {number} minSamples for calls that take longer than `timeMs`
 * @property {boolean} [isProcessorTime]
 */

/** @returns {number} milliseconds of user and system time of this process, garbage collection included */
function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

/**
 * @param {(input: any) => unknown} call
 * @param {readonly unknown[]} inputs used in turn; their number is a power of two
 * @param {boolean} isAsync
 * @param {Timing} timing
 * @returns {Promise<number>} nanoseconds a call, the median
 */
export async function medianNs(call, inputs, isAsync, timing) {
  const mask = inputs.length - 1;
  const nowMs = timing.isProcessorTime ? processorMs : () => performance.now();
  if (inputs.length & mask) throw new RangeError(`Cannot take ${inputs.length} inputs in turn`);

  /** @param {number} callCount */
  const batch = (callCount) => {
    const start = nowMs();
    for (let i = 0; i < callCount; i++) {
      consume(call(inputs[i & mask]));
    }
    return nowMs() - start;
  };
  /** @param {number} callCount */
  const asyncBatch = async (callCount) => {
    const start = nowMs();
    for (let i = 0; i < callCount; i++) consume(await call(inputs[i & mask]));
    return nowMs() - start;
  };
  const run = isAsync ? asyncBatch : batch;

  const callCount = await callsPerBatch(run, timing.warmupMs);
  /** @param {number} spentMs */
  const sample = (spentMs) => ({
    overriddenDuration: spentMs / callCount,
    overriddenIterationCost: spentMs,
  });
  const bench = new Bench({
    time: timing.timeMs,
    iterations: timing.minSamples,
    warmup: false,
    throws: true,
  });
  if (isAsync) {
    bench.add('call', async () => sample(await asyncBatch(callCount)), { async: true });
    await bench.run();
  } else {
    bench.add('call', () => sample(batch(callCount)), { async: false });
    bench.runSync();
  }

  const result = bench.tasks[0]?.result;
  if (result?.state !== 'completed') throw new Error(`Cannot time a call: ${result?.state}`);
  return result.latency.p50 * 1e6;
}

/**
 * Warms up, and finds how many calls make a batch.
 *
 * @param {(callCount: number) => number | Promise<number>} run
 * @param {number} warmupMs
 */
async function callsPerBatch(run, warmupMs) {
  let callCount = 1;
  let spentMs = 0;
  do {
    const batchMs = await run(callCount);
    spentMs += batchMs;
    if (batchMs < BATCH_MS) {
      callCount = Math.min(callCount * 8, Math.ceil((callCount * BATCH_MS) / (batchMs || 0.001)));
    }
  } while (spentMs < warmupMs);
  return callCount;
}
