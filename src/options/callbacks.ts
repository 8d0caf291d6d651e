/** Calls functions that a program passed as options. Their faults must not change what the call does. */

type Listener<Event> = (event: Event) => unknown;
type Predicate<Value> = (value: Value) => unknown;

/** Tells a listener. An error that it throws, or that its promise rejects with, is ignored. */
export function notify<Event>(listener: Listener<Event>, event: Event): void {
  try {
    ignoreRejection(listener(event));
  } catch {
    // The same error, of a listener that is no `async` function.
  }
}

/**
 * Asks a predicate. `fallback` is the answer of one that throws, and of an `async` function: a promise
 * would count as `true`.
 */
export function ask<Value>(predicate: Predicate<Value>, value: Value, fallback: boolean): boolean {
  try {
    const answer = predicate(value);
    return ignoreRejection(answer) ? fallback : Boolean(answer);
  } catch {
    return fallback;
  }
}

/** Handles the rejection of a promise that nobody waits for: it would end the process. Returns whether it is one. */
export function ignoreRejection(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null || !('then' in answer)) return false;
  Promise.resolve(answer).catch(() => {});
  return true;
}
