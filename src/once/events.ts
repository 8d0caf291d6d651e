/** What a duplicate would have used, had it been run: what the run used whose result it got. */
export interface Saved {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Who would have answered, where that is known. */
  readonly model?: string;
  /** By the prices that were given, if the model has one. */
  readonly cost?: number;
  readonly currency?: string;
}

/** Who answered: this process's memory, or the store. */
export type Layer = 'process' | 'store';

interface Common {
  readonly key: string;
  /** W3C Trace Context of the call, as it was handed in. */
  readonly traceparent: string | undefined;
}

/** What `onEvent` is told. */
export type OnceEvent = Common &
  (
    | {
        /** The function was run, and its callers got the result. */
        readonly type: 'executed';
        readonly attempt: number;
        readonly fencingToken: number;
        readonly durationMs: number;
        /**
         * Whether the store keeps the result. It does not where it failed for a whole lease, or where
         * the run had no claim (`onStoreError: 'run'`): the next call runs again.
         */
        readonly kept: boolean;
      }
    | {
        /** The function threw, took longer than `timeoutMs`, or gave what cannot be kept. */
        readonly type: 'failed';
        readonly attempt: number;
        readonly durationMs: number;
        readonly error: unknown;
        /** Whether the error was kept, as `storeErrors` said. */
        readonly stored: boolean;
        /** Whether nobody knows what it did: by `unknownErrors`, or after `timeoutMs`. */
        readonly unknown: boolean;
      }
    | {
        /** A duplicate got the result of a run that was under way. */
        readonly type: 'joined';
        readonly layer: Layer;
        readonly waitedMs: number;
        /** Of the call that it joined, where that was in this process. */
        readonly joinedTraceparent: string | undefined;
        /** Of what `savingOf` knows. */
        readonly saved?: Saved;
      }
    | {
        /** A duplicate got a result that was there. */
        readonly type: 'replayed';
        readonly layer: Layer;
        readonly ageMs: number;
        readonly saved?: Saved;
      }
    | {
        /** A duplicate was turned away while the run was under way. */
        readonly type: 'conflict';
        readonly layer: Layer;
        readonly waitedMs: number;
      }
    | {
        /** The key was used with another fingerprint. */
        readonly type: 'mismatch';
        readonly layer: Layer;
      }
    | {
        /** A run lost its lease; its result was not written. */
        readonly type: 'leaseLost';
        readonly fencingToken: number;
      }
    | {
        /** An owner was never heard of again, and this is what was decided. */
        readonly type: 'unknown';
        readonly attempt: number;
        readonly decision: 'retry' | 'hold' | 'reconciled';
      }
    | {
        /** A record was taken away by `evict`. */
        readonly type: 'evicted';
      }
    | {
        /** The store failed at this. */
        readonly type: 'storeError';
        readonly action: 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';
        readonly error: unknown;
      }
  );
