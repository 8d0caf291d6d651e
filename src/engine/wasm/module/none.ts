function refuse(): never {
  throw new TypeError('samekey/pure has no WebAssembly');
}

/** No WebAssembly, and no attempt that a content security policy would report. */
export const instantiateCore = (): object => refuse();
export const instantiateJson = (): object => refuse();
