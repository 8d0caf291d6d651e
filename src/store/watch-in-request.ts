const IN_REQUEST = Symbol('wakes the request that watches');

/**
 * Marks the `watch` of a store that calls `notify` in the request that watches. On a platform whose
 * timers and sockets belong to requests, the notifications of any other store would reach no other request.
 */
export function watchesInRequest(watch: (...args: never[]) => unknown): void {
  Object.defineProperty(watch, IN_REQUEST, { value: true });
}

/** Whether `watchesInRequest` has marked the function. */
export const isWatchInRequest = (watch: object): boolean => IN_REQUEST in watch;
