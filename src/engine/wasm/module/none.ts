function refuse(): never {
  throw new TypeError('samekey/pure has no WebAssembly');
}

/** No WebAssembly, not even an attempt that a policy would report. */
export const instantiateCore = (): object => refuse();
export const instantiateJson = (): object => refuse();
