/** Evaluated before the library is: modules are evaluated in the order of their imports. */
export const begun = Date.now();
