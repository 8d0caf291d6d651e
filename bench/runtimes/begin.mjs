/**
 * Evaluated before the library is: modules are evaluated in the order of their imports. At the top
 * level of a Worker only the clock of the calendar goes on.
 */
export const now = typeof document === 'undefined' ? Date.now : () => performance.now();
export const begun = now();
