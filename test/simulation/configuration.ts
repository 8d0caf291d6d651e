import type { OnceOptions } from '../../src/once/index.js';

/** How a function of a caller behaves. */
export interface FunctionPlan {
  readonly takesMs: number;
  /** What it comes to: a value unless given. */
  readonly ends?:
    | 'value'
    | 'error'
    | 'unknown error'
    | 'stored error'
    | 'never'
    | 'broken'
    | 'status 500';
  /** Whether it goes on when its signal aborts. */
  readonly isDeaf?: boolean;
}

/** One thing that a program does, `atMs` after the beginning. */
export type Step = { readonly atMs: number; readonly process?: number } & (
  | ({
      readonly does: 'call';
      readonly fingerprint?: string;
      readonly fresh?: boolean;
    } & Partial<FunctionPlan>)
  | { readonly does: 'evict' }
  | { readonly does: 'close' }
  | { readonly does: 'jump'; readonly byMs: number }
);

/** Processes, their options, and what they do when nothing goes wrong. */
export interface Configuration {
  readonly name: string;
  /** What is called: `createOnce` unless given. */
  readonly layer?: 'fetch' | 'server';
  /** The options of each process. */
  readonly processes: readonly Partial<OnceOptions>[];
  readonly steps: readonly Step[];
  /** A store that cannot tell of changes. */
  readonly isSilent?: boolean;
  /** Every completion is refused by the store, for good. */
  readonly refusesResults?: boolean;
  /** Kinds of deviations that are explored; all but aborts unless given. */
  readonly aborts?: boolean;
}
