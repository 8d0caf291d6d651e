/**
 * What the dashboard's server tells its page. Times are milliseconds since 1970 by the clock of the
 * server, `nowMs` among them, so that a page whose clock is wrong shows the right ages.
 */

/** How a call ended, as the dashboard counts it. */
export type CallOutcome = 'executed' | 'joined' | 'replayed' | 'failed' | 'unknown' | 'refused';

/** The number of calls for each outcome. */
export type OutcomeCounts = Readonly<Record<CallOutcome, number>>;

/** `GET api/overview`: what does not change while the server runs. */
export interface Overview {
  readonly version: string;
  /** `store`: `samekey dashboard`. `proxy`: `samekey proxy --dashboard`. */
  readonly source: 'store' | 'proxy';
  /** The name and the address of the store, without a password. */
  readonly storeName: string;
  readonly storeAddress: string | undefined;
  readonly allowEvict: boolean;
  /**
   * Whether calls are counted: by the proxy itself, or from the log that `--log` names. A store has
   * records and no calls: alone, its totals and buckets are zero, and the page shows nothing of calls.
   */
  readonly hasCalls: boolean;
  /** The duration of a `Bucket`, and how many the server keeps. */
  readonly bucketMs: number;
  readonly maxBuckets: number;
}

/** One step of the chart. */
export interface Bucket {
  /** Its start; a multiple of `bucketMs`. */
  readonly startMs: number;
  readonly counts: OutcomeCounts;
}

/** The usage that duplicates saved: since the server started; with `--log`, of the whole log. */
export interface Savings {
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** By currency, as the prices name it; empty without prices. */
  readonly costs: readonly { readonly currency: string; readonly cost: number }[];
}

/** A row of a table about one key. */
export interface KeyRow {
  readonly key: string;
  readonly calls: number;
  /** How long its latest run took. */
  readonly runMs?: number | undefined;
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
}

/** A record as the tables show it. */
export interface RecordRow {
  readonly key: string;
  /** `unknown`: the lease of the run has ended, and the store has no outcome. */
  readonly state: 'running' | 'unknown' | 'done' | 'failed';
  readonly attempt: number;
  readonly claimedAtMs: number;
  readonly finishedAtMs: number | undefined;
  /** For a run in progress and for an unknown outcome. */
  readonly leaseEndsAtMs: number | undefined;
  readonly expiresAtMs: number;
  readonly payloadBytes: number | undefined;
}

/**
 * A message of `GET api/live` (server-sent events, `data` is this as JSON). The first one has all
 * buckets; the later ones, once a second at most, have those that changed. All other members are
 * whole each time.
 */
export interface LiveMessage {
  readonly nowMs: number;
  readonly buckets: readonly Bucket[];
  /** Since the server started; with `--log`, of the whole log. */
  readonly totals: OutcomeCounts;
  readonly savings: Savings;
  /** Keys whose runs took longest, slowest first; at most 20. */
  readonly slowest: readonly KeyRow[];
  /** Keys that were called again although `temperature` is above 0; at most 20. */
  readonly repeatedWarm: readonly KeyRow[];
  /** Runs in progress and unknown outcomes, oldest first; at most 200 each, and how many there are. */
  readonly running: readonly RecordRow[];
  readonly runningCount: number;
  readonly unknown: readonly RecordRow[];
  readonly unknownCount: number;
  /** The records of the latest look at the store. `isWhole`: whether that look saw all of them. */
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly isWhole: boolean;
  /** Why the store cannot be read at the moment, as text. */
  readonly storeFault: string | undefined;
}

/**
 * `GET api/records?search=TEXT&state=STATE&limit=N&after=KEY`: records in the order of their keys.
 * `search` is a key or the beginning of one.
 */
export interface RecordPage {
  readonly nowMs: number;
  readonly records: readonly RecordRow[];
  /** The value of `after` for the next page; `undefined` at the end. */
  readonly next: string | undefined;
  /** How many records match, as far as the server has looked. */
  readonly matchCount: number;
  readonly isWhole: boolean;
}

/** `GET api/record?key=KEY`: one record. Headers that may hold credentials are never sent. */
export interface RecordDetail extends RecordRow {
  readonly nowMs: number;
  readonly owner: string;
  readonly fencingToken: number;
  readonly fingerprint: string | undefined;
  readonly codec: string | undefined;
  /** The id of the key that encrypted it. */
  readonly keyId: string | undefined;
  /** The head of a stored HTTP response. */
  readonly head:
    | { readonly status: number; readonly headers: readonly (readonly [string, string])[] }
    | undefined;
  /** The beginning of the payload or the body as text, at most 64 KiB; `undefined` if it is no text. */
  readonly text: string | undefined;
  /** The same as hexadecimal digits, at most 4 KiB of bytes, if it is no text. */
  readonly hex: string | undefined;
  readonly isCut: boolean;
}

/** `POST api/evict?key=KEY`, with `allowEvict` only. */
export interface EvictReply {
  /** `running`: a run in progress is never evicted. `missing`: there is no such record. */
  readonly outcome: 'evicted' | 'running' | 'missing';
}

/** The body of every answer from 400 on (RFC 9457). */
export interface Problem {
  readonly title: string;
  readonly detail: string;
  readonly code: string;
}
