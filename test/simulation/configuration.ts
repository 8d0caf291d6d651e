import type { OnceOptions } from '../../src/once/index.js';

/** How a function of a caller behaves. */
export interface FunctionPlan {
  readonly takesMs: number;
  /** Its outcome; a value by default. */
  readonly ends?:
    | 'value'
    | 'error'
    | 'unknown error'
    | 'stored error'
    | 'never'
    | 'broken'
    | 'status 500';
  /** Whether it continues when its signal aborts. */
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

/** Processes, their options and their programs. */
export interface Configuration {
  readonly name: string;
  /** The layer that is called; `createOnce` by default. */
  readonly layer?: 'fetch' | 'server';
  /** The options of each process. */
  readonly processes: readonly Partial<OnceOptions>[];
  readonly steps: readonly Step[];
  /** A store that cannot notify of changes. */
  readonly isSilent?: boolean;
  /** The store refuses every completion. */
  readonly refusesResults?: boolean;
  /** The kinds of deviations that are explored; by default all except aborts. */
  readonly aborts?: boolean;
}
