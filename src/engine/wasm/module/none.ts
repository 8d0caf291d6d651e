/** No WebAssembly, not even an attempt that a policy would report. */
export function instantiateCore(): object {
  throw new TypeError('samekey/pure has no WebAssembly');
}
