import { fail, nameOf } from '../errors/errors.js';
import { defineIdentity, type IdentityLike, type Key, keyOf } from '../index.js';
import { own } from '../options/own.js';
import { readOptions } from '../options/read.js';
import { instance, type OptionsOf, specs, value } from '../options/spec.js';
import { memoryStore } from '../store/memory.js';
import type { OnceContext } from './call-function.js';
import type { Jsonified } from './jsonified.js';
import { createOnce, type Once } from './once.js';
import { onceOptions } from './options.js';

const toolOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The arguments that identify the operation. A model rewords its prose at each call, so a payment with another `note` has another key. Name the arguments that count: `{ include: ['order_id', 'amount'] }`.
   * @defaultValue all arguments
   */
  identity: value<IdentityLike>('an identity', (given) => {
    defineIdentity(given as IdentityLike);
    return undefined;
  }),
  /**
   * The `once` that runs the tool.
   * @defaultValue one of its own, on a `memoryStore()`
   */
  once: instance<Once<boolean>>('what createOnce returns', 'detailed', 'evict'),
  /** How long a result is replayed, by a `once` of the tool's own. */
  ttlMs: onceOptions.ttlMs,
}));

/** The options of `onceTool`. */
export interface ToolOptions extends OptionsOf<typeof toolOptions> {}

/** A tool that runs once per key. */
export interface OnceTool<A, R> {
  (args: A, options?: { readonly signal?: AbortSignal; readonly fresh?: boolean }): Promise<R>;
  /** Returns the key of a call with these arguments. */
  keyOf(args: A): Key;
  /** Removes the stored result for these arguments. */
  evict(args: A): Promise<boolean>;
  /** Returns the counts of this tool's calls. */
  stats(): {
    /** Calls that received an earlier result. */
    readonly hits: number;
    /** Calls that ran the function. */
    readonly misses: number;
  };
}

/**
 * Returns a tool for an agent that runs once for the same arguments. If the model calls it again, or a
 * turn is retried, the second call receives the result of the first.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type.
 * @example
 * const refund = onceTool('refund', async ({ order }) => `refunded ${order}`, {
 *   identity: { include: ['order'] },
 * });
 * await refund({ order: 7, note: 'the customer asked politely' }); // 'refunded 7'
 * await refund({ order: 7, note: 'customer insists' }); // 'refunded 7'
 * refund.stats(); // { hits: 1, misses: 1 }
 */
export function onceTool<A, R>(
  name: string,
  fn: (args: A, context: OnceContext) => R | Promise<R>,
  options: ToolOptions & { readonly once: Once<true> },
): OnceTool<A, R>;
export function onceTool<A, R>(
  name: string,
  fn: (args: A, context: OnceContext) => R | Promise<R>,
  options?: ToolOptions,
): OnceTool<A, Jsonified<R>>;
export function onceTool<A, R>(
  name: string,
  fn: (args: A, context: OnceContext) => R | Promise<R>,
  options: ToolOptions = {},
): OnceTool<A, R | Jsonified<R>> {
  if (typeof name !== 'string' || name === '' || typeof fn !== 'function') {
    const what = typeof fn === 'function' ? `its name is ${nameOf(name)}` : `it is ${nameOf(fn)}`;
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make a tool: ${what}, wanted onceTool(name, function)`,
    );
  }
  const settings = readOptions(toolOptions, options, 'options of onceTool');
  const { identity = {}, ttlMs } = settings;
  const once: Once<boolean> = settings.once ?? createOnce({ store: memoryStore(), ttlMs });
  const scope = own(identity, 'scope');
  const scopes = scope === undefined ? [] : [scope].flat();
  const toolIdentity = defineIdentity({ ...identity, scope: ['tool', name, ...scopes] });
  let hits = 0;
  let misses = 0;
  // A tool may have no arguments.
  const keyOfCall = (args: A) => keyOf(args === undefined ? {} : args, toolIdentity);
  const tool = async (args: A, call?: { signal?: AbortSignal; fresh?: boolean }) => {
    const { value, outcome } = await once.detailed(
      keyOfCall(args),
      (context) => {
        misses++;
        return fn(args, context);
      },
      call,
    );
    if (outcome !== 'executed') hits++;
    return value;
  };
  return Object.assign(tool, {
    keyOf: keyOfCall,
    evict: (args: A) => once.evict(keyOfCall(args)),
    stats: () => ({ hits, misses }),
  });
}
