import { fail, nameOf } from '../errors/errors.js';
import { defineIdentity, type IdentityLike, type Key, keyOf } from '../index.js';
import { readOptions } from '../options/read.js';
import { instance, type OptionsOf, specs, value } from '../options/spec.js';
import { memoryStore } from '../store/memory.js';
import { createOnce, type Once } from './once.js';
import { onceOptions } from './options.js';
import type { OnceContext } from './settle.js';

const toolOptions = /* @__PURE__ */ specs(() => ({
  /**
   * Which arguments identify the operation. A model words its prose differently each time it calls a tool, so that a payment with another `note` is another payment unless `include` names the rest: `{ include: ['order_id', 'amount'] }`.
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
  once: instance<Once>('what createOnce returns', 'detailed', 'evict'),
  /** How long a result is replayed, by a `once` of the tool's own. */
  ttlMs: onceOptions.ttlMs,
}));

export interface ToolOptions extends OptionsOf<typeof toolOptions> {}

/** A tool whose runs are kept. */
export interface OnceTool<A, R> {
  (args: A, options?: { readonly signal?: AbortSignal; readonly fresh?: boolean }): Promise<R>;
  /** The key of a call with these arguments. */
  keyOf(args: A): Key;
  /** Forgets the result of these arguments. */
  evict(args: A): Promise<boolean>;
  /** Calls that ran the function, and calls that did not have to. */
  stats(): { readonly hits: number; readonly misses: number };
}

/**
 * Returns an agent's tool that runs once for the same arguments: a second call, of a model that asks
 * again or of a turn that is tried again, gets the first one's result.
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
  options: ToolOptions = {},
): OnceTool<A, R> {
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
  const once = settings.once ?? createOnce({ store: memoryStore(), ttlMs });
  const scopes = identity.scope === undefined ? [] : [identity.scope].flat();
  const own = defineIdentity({ ...identity, scope: ['tool', name, ...scopes] });
  let hits = 0;
  let misses = 0;
  const keyOfCall = (args: A) => keyOf(args, own);
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
