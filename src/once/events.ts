/** The usage that a duplicate saved: that of the run whose result it received. */
export interface Saved {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** The model, if it is known. */
  readonly model?: string;
  /** The cost by your prices, if they include the model. */
  readonly cost?: number;
  readonly currency?: string;
}

/** The source of an answer: the memory of this process, or the store. */
export type Layer = 'process' | 'store';

interface Common {
  readonly key: string;
  /** The W3C Trace Context that the call passed. */
  readonly traceparent: string | undefined;
}

/** The argument of `onEvent`. */
export type OnceEvent = Common &
  (
    | {
        /** The function ran and returned a result. */
        readonly type: 'executed';
        readonly attempt: number;
        readonly fencingToken: number;
        readonly durationMs: number;
        /**
         * Whether the store has the result. It has not if it failed for a whole lease, or if the run
         * had no claim (`onStoreError: 'run'`). Then the next call runs the function again.
         */
        readonly kept: boolean;
      }
    | {
        /** The function threw, took longer than `timeoutMs`, or returned a value that cannot be stored. */
        readonly type: 'failed';
        readonly attempt: number;
        readonly durationMs: number;
        readonly error: unknown;
        /** Whether the error was stored, by `storeErrors`. */
        readonly stored: boolean;
        /** Whether its effects are unknown: by `unknownErrors`, or after `timeoutMs`. */
        readonly unknown: boolean;
      }
    | {
        /** A duplicate received the result of a run that it waited for. */
        readonly type: 'joined';
        readonly layer: Layer;
        readonly waitedMs: number;
        /** The trace context of the call that it joined, if that was in this process. */
        readonly joinedTraceparent: string | undefined;
        /** The return value of `savingOf`. */
        readonly saved?: Saved;
      }
    | {
        /** A duplicate received a stored result. */
        readonly type: 'replayed';
        readonly layer: Layer;
        readonly ageMs: number;
        readonly saved?: Saved;
      }
    | {
        /** A duplicate was refused while the run was in progress. */
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
        /** A run lost its lease. Its result was not stored. */
        readonly type: 'leaseLost';
        readonly fencingToken: number;
      }
    | {
        /** An earlier attempt has no outcome. `decision` is the decision of `onUnknown`. */
        readonly type: 'unknown';
        readonly attempt: number;
        readonly decision: 'retry' | 'hold' | 'reconciled';
      }
    | {
        /** `evict` removed a record. */
        readonly type: 'evicted';
      }
    | {
        /** A store operation failed. */
        readonly type: 'storeError';
        readonly action: 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';
        readonly error: unknown;
      }
  );
