import type { Bucket, CallOutcome, KeyRow, OutcomeCounts, Savings } from './messages.js';
import { SlowestKeys } from './slowest-keys.js';
import { WarmKeys } from './warm-keys.js';

/** The duration of a step of the chart, and how many are kept: an hour. */
export const BUCKET_MS = 5000;
export const MAX_BUCKETS = 720;

export const OUTCOMES = [
  'executed',
  'joined',
  'replayed',
  'failed',
  'unknown',
  'refused',
] as const satisfies readonly CallOutcome[];

/** The tables have no longer key, and no longer name of a model. */
const MAX_KEY_CHARACTERS = 512;
const MAX_MODEL_CHARACTERS = 100;
/** More currencies than a price list of any user has. Further ones are not added up. */
const MAX_CURRENCIES = 8;
const MAX_CURRENCY_CHARACTERS = 20;

/** One call that has ended. */
export interface CountedCall {
  readonly atMs: number;
  readonly outcome: CallOutcome;
  readonly key?: string | undefined;
  /** How long the call took. Only of one that ran. */
  readonly runMs?: number | undefined;
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
}

/** The usage that one duplicate saved. */
export interface SavedUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cost?: number | undefined;
  readonly currency?: string | undefined;
}

/** Outcomes of calls that ran, so that their duration is that of a run. */
const RAN: ReadonlySet<CallOutcome> = new Set(['executed', 'failed', 'unknown']);

/**
 * Counts calls. Its memory does not grow with their number: at most 1 MiB, whatever the keys and the
 * names of models are.
 */
export class CallTally {
  /** The counts of all buckets, in a ring: six for each. */
  readonly #counts = new Float64Array(MAX_BUCKETS * OUTCOMES.length);
  /** The start of the bucket in each place of the ring; 0 for none. */
  readonly #starts = new Float64Array(MAX_BUCKETS);
  readonly #isChanged = new Uint8Array(MAX_BUCKETS);
  readonly #totals = new Float64Array(OUTCOMES.length);
  readonly #costs = new Map<string, number>();
  readonly #slowest = new SlowestKeys();
  readonly #warm = new WarmKeys();
  #inputTokens = 0;
  #outputTokens = 0;
  #changeCount = 0;

  /** Grows with every change. */
  get changeCount(): number {
    return this.#changeCount;
  }

  count({ atMs, outcome, key, runMs, model, temperature }: CountedCall): void {
    const column = OUTCOMES.indexOf(outcome);
    if (column === -1 || !Number.isFinite(atMs)) return;
    this.#changeCount++;
    this.#totals[column] = (this.#totals[column] as number) + 1;
    this.#countInBucket(atMs, column);
    if (key === undefined || key.length > MAX_KEY_CHARACTERS) return;
    // Not its beginning: V8 would keep the whole text behind a part of it.
    const isShown = model === undefined || model.length <= MAX_MODEL_CHARACTERS;
    const traits = { model: isShown ? model : undefined, temperature };
    this.#slowest.count(key, RAN.has(outcome) ? runMs : undefined, traits);
    if (outcome === 'joined' || outcome === 'replayed') this.#warm.count(key, traits);
  }

  /** Adds what a duplicate saved. The call itself is counted by `count`. */
  save({ inputTokens, outputTokens, cost, currency = '' }: SavedUsage): void {
    this.#changeCount++;
    if (isAmount(inputTokens)) this.#inputTokens += inputTokens;
    if (isAmount(outputTokens)) this.#outputTokens += outputTokens;
    if (!isAmount(cost) || currency.length > MAX_CURRENCY_CHARACTERS) return;
    const known = this.#costs.get(currency);
    if (known === undefined && this.#costs.size >= MAX_CURRENCIES) return;
    this.#costs.set(currency, (known ?? 0) + cost);
  }

  /** A key was repeated `repeatCount` times with this temperature, as a log tells it afterwards. */
  warn(key: string, repeatCount: number, temperature: number): void {
    if (key.length > MAX_KEY_CHARACTERS || !isAmount(repeatCount)) return;
    this.#changeCount++;
    this.#warm.raise(key, repeatCount, temperature);
  }

  totals(): OutcomeCounts {
    return countsIn(this.#totals, 0);
  }

  savings(): Savings {
    const { joined, replayed } = this.totals();
    return {
      calls: joined + replayed,
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      costs: [...this.#costs].map(([currency, cost]) => ({ currency, cost })),
    };
  }

  slowest(): KeyRow[] {
    return this.#slowest.rows();
  }

  repeatedWarm(): KeyRow[] {
    return this.#warm.rows();
  }

  /** All buckets of the last hour, oldest first. */
  buckets(nowMs: number): Bucket[] {
    return this.#bucketsWhere(nowMs, () => true);
  }

  /** The buckets that have changed since the last call, oldest first. */
  takeChangedBuckets(nowMs: number): Bucket[] {
    const changed = this.#bucketsWhere(nowMs, (place) => this.#isChanged[place] === 1);
    this.#isChanged.fill(0);
    return changed;
  }

  #bucketsWhere(nowMs: number, isWanted: (place: number) => boolean): Bucket[] {
    const oldestMs = nowMs - BUCKET_MS * MAX_BUCKETS;
    const buckets: Bucket[] = [];
    for (let place = 0; place < MAX_BUCKETS; place++) {
      const startMs = this.#starts[place] as number;
      if (startMs === 0 || startMs <= oldestMs || !isWanted(place)) continue;
      buckets.push({ startMs, counts: countsIn(this.#counts, place * OUTCOMES.length) });
    }
    return buckets.sort((a, b) => a.startMs - b.startMs);
  }

  #countInBucket(atMs: number, column: number): void {
    const step = Math.floor(atMs / BUCKET_MS);
    const startMs = step * BUCKET_MS;
    const place = ((step % MAX_BUCKETS) + MAX_BUCKETS) % MAX_BUCKETS;
    const known = this.#starts[place] as number;
    // It is older than the hour that the ring has.
    if (startMs < known) return;
    const at = place * OUTCOMES.length;
    if (startMs > known) {
      this.#starts[place] = startMs;
      this.#counts.fill(0, at, at + OUTCOMES.length);
    }
    this.#counts[at + column] = (this.#counts[at + column] as number) + 1;
    this.#isChanged[place] = 1;
  }
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER;

function countsIn(counts: Float64Array, at: number): OutcomeCounts {
  const [executed = 0, joined = 0, replayed = 0, failed = 0, unknown = 0, refused = 0] =
    counts.subarray(at, at + OUTCOMES.length);
  return { executed, joined, replayed, failed, unknown, refused };
}
