import { clearTimer, setTimer } from '../../runtime/runtime.js';

/** Settles like `reply`, or rejects after `limitMs`. */
export function withinMs<T>(limitMs: number, what: string, reply: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimer(
      () => reject(new Error(`no answer to ${what} within ${limitMs} ms`)),
      limitMs,
    );
    reply.then(resolve, reject).finally(() => clearTimer(timer));
  });
}
