import type { Bucket, OutcomeCounts, Overview } from '../messages.js';
import { NO_CALLS, plus } from './outcomes.js';

/** Durations of a step that a reader can name. */
const STEPS_MS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400,
].map((seconds) => seconds * 1000);

/** The latest buckets, as many as the server keeps. */
export class BucketWindow {
  #bucketMs = 1000;
  #maxBuckets = 1;
  #counts = new Map<number, OutcomeCounts>();

  configure({ bucketMs, maxBuckets }: Overview): void {
    this.#bucketMs = bucketMs;
    this.#maxBuckets = maxBuckets;
  }

  get capacityMs(): number {
    return this.#bucketMs * this.#maxBuckets;
  }

  clear(): void {
    this.#counts.clear();
  }

  /** Replaces the counts of these buckets, and forgets those that are too old at `nowMs`. */
  merge(buckets: readonly Bucket[], nowMs: number): void {
    for (const { startMs, counts } of buckets) this.#counts.set(this.#startOf(startMs), counts);
    const oldest = this.#startOf(nowMs) - (this.#maxBuckets - 1) * this.#bucketMs;
    for (const startMs of this.#counts.keys()) {
      if (startMs < oldest || startMs > nowMs + this.#bucketMs) this.#counts.delete(startMs);
    }
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.#counts.size;
  }

  /** The steps of a chart that ends at `nowMs`, oldest first: at most `maxSteps`, empty ones included. */
  steps(windowMs: number, maxSteps: number, nowMs: number): readonly Bucket[] {
    const stepMs = this.stepMs(windowMs, maxSteps);
    const last = Math.floor(nowMs / stepMs) * stepMs;
    const stepCount = Math.ceil(windowMs / stepMs);
    const first = last - (stepCount - 1) * stepMs;
    const sums = new Array<OutcomeCounts>(stepCount).fill(NO_CALLS);
    for (const [startMs, counts] of this.#counts) {
      const at = Math.floor((startMs - first) / stepMs);
      const sum = sums[at];
      if (sum !== undefined) sums[at] = plus(sum, counts);
    }
    return sums.map((counts, at) => ({ startMs: first + at * stepMs, counts }));
  }

  /** The shortest step that needs at most `maxSteps`. */
  stepMs(windowMs: number, maxSteps: number): number {
    const fits = (ms: number) => ms % this.#bucketMs === 0 && windowMs / ms <= maxSteps;
    return STEPS_MS.find(fits) ?? this.#bucketMs * Math.ceil(windowMs / this.#bucketMs / maxSteps);
  }

  #startOf(ms: number): number {
    return Math.floor(ms / this.#bucketMs) * this.#bucketMs;
  }
}
