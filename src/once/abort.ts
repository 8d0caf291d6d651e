/** An `AbortController` that is made for those who ask for its signal: it costs more than a claim. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #aborted: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted.reason);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#aborted !== undefined;
  }

  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    this.#controller?.abort(reason);
  }
}

const listeners = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `onAbort` when the signal aborts; returns a function that ends this. Any number of calls may
 * wait with one signal, of which Node takes more than ten listeners for a leak: so it has one.
 */
export function whenAborted(signal: AbortSignal, onAbort: () => void): () => void {
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
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return signal === undefined ? promise : beforeAbort(promise, signal);
}

async function beforeAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let end = () => {};
  const aborted = new Promise<never>((_, reject) => {
    end = whenAborted(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    end();
  }
}
