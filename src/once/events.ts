/** The usage that a duplicate saved: that of the run whose result it received. */
export interface Saved {
  /** Tokens of the request. */
  readonly inputTokens: number;
  /** Tokens of the answer. */
  readonly outputTokens: number;
  /** The model, if it is known. */
  readonly model?: string;
  /** The cost by your prices, if they include the model. */
  readonly cost?: number;
  /** The currency of `cost`, as the options name it. */
  readonly currency?: string;
}

/** The source of an answer: the memory of this process, or the store. */
export type Layer = 'process' | 'store';

interface Common {
  /** The key of the call. */
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
        /** 1 for the first run of the key; each run after one of unknown outcome adds 1. */
        readonly attempt: number;
        /** The token of its claim; 0 without a claim. */
        readonly fencingToken: number;
        /** How long the function ran, in milliseconds. */
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
        /** The attempt that failed, counted from 1. */
        readonly attempt: number;
        /** How long the function ran, in milliseconds. */
        readonly durationMs: number;
        /** The error of the function, or of the run. */
        readonly error: unknown;
        /** Whether the error was stored, by `storeErrors`. */
        readonly stored: boolean;
        /** Whether its effects are unknown: by `unknownErrors`, or after `timeoutMs`. */
        readonly unknown: boolean;
      }
    | {
        /** A duplicate received the result of a run that it waited for. */
        readonly type: 'joined';
        /** Where the run was: in this process, or in another one, whose result the store has. */
        readonly layer: Layer;
        /** How long the duplicate waited for the result, in milliseconds. */
        readonly waitedMs: number;
        /** The trace context of the call that it joined, if that was in this process. */
        readonly joinedTraceparent: string | undefined;
        /** How long the run took that it waited for, in milliseconds, if that is known. */
        readonly runMs?: number | undefined;
        /** The return value of `savingOf`. */
        readonly saved?: Saved;
      }
    | {
        /** A duplicate received a stored result. */
        readonly type: 'replayed';
        /** Where the result came from. */
        readonly layer: Layer;
        /** How long ago the run finished, in milliseconds. */
        readonly ageMs: number;
        /** How long the run took, in milliseconds, if that is known. */
        readonly runMs?: number | undefined;
        /** The return value of `savingOf`. */
        readonly saved?: Saved;
      }
    | {
        /** A duplicate was refused while the run was in progress. */
        readonly type: 'conflict';
        /** Where the run in progress was found. */
        readonly layer: Layer;
        /** How long the duplicate waited before it was refused, in milliseconds. */
        readonly waitedMs: number;
      }
    | {
        /** The key was used with another fingerprint. */
        readonly type: 'mismatch';
        /** Where the other fingerprint was found. */
        readonly layer: Layer;
      }
    | {
        /** A call was refused because its account, or the duplicates of its key, have reached a limit. */
        readonly type: 'limited';
        /** The limit, by the name of its option. */
        readonly limit: 'keysPerMinute' | 'storedBytesPerAccount' | 'waitingPerKey';
      }
    | {
        /** A run lost its lease. Its result was not stored. */
        readonly type: 'leaseLost';
        /** The token of the claim that was lost. */
        readonly fencingToken: number;
      }
    | {
        /** An earlier attempt has no outcome. `decision` is the decision of `onUnknown`. */
        readonly type: 'unknown';
        /** The attempt without an outcome, counted from 1. */
        readonly attempt: number;
        /** `retry`: the function runs again. `hold`: the call is refused. `reconciled`: `onUnknown` returned the result. */
        readonly decision: 'retry' | 'hold' | 'reconciled';
      }
    | {
        /** A stored result cannot be decrypted or decoded. `decision` is that of `onUnreadable`. */
        readonly type: 'unreadable';
        /** `hold`: the call is refused. `retry`: the function runs again. */
        readonly decision: 'hold' | 'retry';
        /** The name of the codec in the record: `encrypted`, or that of a codec. */
        readonly codec: string;
        /** The id of the key that encrypted it, if the record tells it. */
        readonly keyId: string | undefined;
      }
    | {
        /** `evict` removed a record. */
        readonly type: 'evicted';
      }
    | {
        /** A store operation failed. */
        readonly type: 'storeError';
        /** The operation of the store that failed. */
        readonly action: 'claim' | 'renew' | 'complete' | 'release' | 'read' | 'evict' | 'watch';
        /** The error of the store. */
        readonly error: unknown;
      }
    | {
        /** A function among the options failed, and its default was used. `key` is `''` if there was none yet. */
        readonly type: 'optionError';
        /** The name of the option. */
        readonly option: 'onError';
        /** The error that it threw, or what is wrong with its return value. */
        readonly error: unknown;
      }
  );
