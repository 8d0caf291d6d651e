/**
 * Is evaluated before the library, because modules are evaluated in the order of their imports. At the
 * top level of a Worker only the calendar clock advances.
 */
export const now = typeof document === 'undefined' ? Date.now : () => performance.now();
export const begun = now();
