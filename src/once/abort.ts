import { inThisRequest } from '../runtime/runtime.js';

/** A platform signal, or a `LazyAbort`, which costs a tenth of it. */
export type AbortSource = AbortSignal | LazyAbort;

/** Functions to call on an abort. Nearly every abort has one. A `Set` for it takes a third of a KB. */
class Listeners {
  #first: (() => void) | undefined;
  #others: Set<() => void> | undefined;

  /** Returns a function that removes the listener. */
  add(listener: () => void): () => void {
    if (this.#first === undefined && this.#others === undefined) {
      this.#first = listener;
      return () => {
        if (this.#first === listener) this.#first = undefined;
      };
    }
    this.#others ??= new Set();
    const all = this.#others.add(listener);
    return () => all.delete(listener);
  }

  call(): void {
    this.#first?.();
    for (const listener of this.#others ?? []) listener();
  }
}

/** An `AbortController` that is created only if its signal is read, because it costs more than a claim. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #abortController: (() => void) | undefined;
  #end: { readonly reason: unknown } | undefined;
  #listeners: Listeners | undefined;

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
    this.#listeners?.call();
  }

  /** Calls `onAbort` on abort, or now if it has aborted; returns a function that removes the listener. */
  listen(onAbort: () => void): () => void {
    if (this.#end !== undefined) {
      onAbort();
      return () => {};
    }
    this.#listeners ??= new Listeners();
    return this.#listeners.add(inThisRequest(onAbort));
  }
}

const listeners = new WeakMap<AbortSignal, Listeners>();

/**
 * Calls `onAbort` when the signal aborts, or now if it has aborted. Returns a function that removes
 * the listener. All listeners of a signal share one event listener, because Node warns of a leak above
 * ten and any number of calls may use one signal.
 */
export function whenAborted(signal: AbortSource, onAbort: () => void): () => void {
  if (signal instanceof LazyAbort) return signal.listen(onAbort);
  if (signal.aborted) {
    onAbort();
    return () => {};
  }
  let all = listeners.get(signal);
  if (all === undefined) {
    const added = new Listeners();
    signal.addEventListener('abort', () => added.call(), { once: true });
    listeners.set(signal, added);
    all = added;
  }
  return all.add(onAbort);
}

/** Settles as the promise does, or rejects with the reason of the signal if it aborts first. */
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
