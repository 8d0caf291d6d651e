import type { Store } from '../store/store.js';

/** Has no record: only the answer of the store counts. */
const PROBE_KEY = 'samekey-proxy-readiness';
/** Shorter than the timeouts of usual health checks, so that they receive the answer. */
const PROBE_MS = 2000;

/** Whether a store answers now. Requests that ask at the same time share one read. */
export class Readiness {
  readonly #store: Store;
  readonly #onChange: (isReachable: boolean, error: unknown) => void;
  #probe: Promise<unknown> | undefined;
  #wasReachable = true;

  /** `onChange` is called when the answer differs from the one before. */
  constructor(store: Store, onChange: (isReachable: boolean, error: unknown) => void) {
    this.#store = store;
    this.#onChange = onChange;
  }

  async isReachable(): Promise<boolean> {
    let error: unknown;
    let timer: NodeJS.Timeout | undefined;
    try {
      // A client that reconnects queues its calls, so a silent store gets no second one.
      this.#probe ??= this.#read().finally(() => {
        this.#probe = undefined;
      });
      const timeout = new Promise((_, reject) => {
        const late = () => reject(new Error(`no answer within ${PROBE_MS} ms`));
        timer = setTimeout(late, PROBE_MS);
      });
      await Promise.race([this.#probe, timeout]);
    } catch (failure) {
      error = failure;
    }
    clearTimeout(timer);
    const isReachable = error === undefined;
    if (isReachable !== this.#wasReachable) this.#onChange(isReachable, error);
    this.#wasReachable = isReachable;
    return isReachable;
  }

  async #read(): Promise<unknown> {
    return this.#store.read(PROBE_KEY);
  }
}
