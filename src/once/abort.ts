import { inThisRequest } from '../runtime/runtime.js';

/** What tells of an abort: a signal of the platform, or what is as good and costs a tenth of it. */
export type AbortSource = AbortSignal | LazyAbort;

/** An `AbortController` that is made for those who ask for its signal: it costs more than a claim. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #abortController: (() => void) | undefined;
  #end: { readonly reason: unknown } | undefined;
  #listeners: Set<() => void> | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      const controller = new AbortController();
      this.#controller = controller;
      if (this.#end !== undefined) controller.abort(this.#end.reason);
      else this.#abortController = inThisRequest(() => controller.abort(this.reason));
    }
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#end !== undefined;
  }

  get reason(): unknown {
    return this.#end?.reason;
  }

  throwIfAborted(): void {
    if (this.#end !== undefined) throw this.#end.reason;
  }

  abort(reason: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { reason };
    this.#abortController?.();
    for (const onAbort of this.#listeners ?? []) onAbort();
  }

  /** Calls `onAbort` when it aborts, or now if it has; returns a function that ends this. */
  listen(onAbort: () => void): () => void {
    if (this.#end !== undefined) {
      onAbort();
      return () => {};
    }
    this.#listeners ??= new Set();
    const listener = inThisRequest(onAbort);
    const all = this.#listeners.add(listener);
    return () => all.delete(listener);
  }
}

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `onAbort` when the signal aborts, or now if it has aborted: such a signal fires no event any
 * more. Returns a function that ends this. Any number of calls may wait with one signal, and Node
 * takes more than ten listeners for a leak, so there is one listener for all of them.
 */
export function whenAborted(signal: AbortSource, onAbort: () => void): () => void {
  if (signal instanceof LazyAbort) return signal.listen(onAbort);
  if (signal.aborted) {
    onAbort();
    return () => {};
  }
  let all = listeners.get(signal);
  if (all === undefined) {
    const own = new Set<() => void>();
    const callAll = () => {
      for (const each of own) each();
    };
    signal.addEventListener('abort', callAll, { once: true });
    listeners.set(signal, own);
    all = own;
  }
  all.add(onAbort);
  return () => all.delete(onAbort);
}

/** The promise, or the caller's own abort if that comes first. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSource | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const end = whenAborted(signal, () => reject(signal.reason));
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
