/** WebAssembly is in no TypeScript library but the DOM's; this is all that is needed of it. */
interface WebAssemblyNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
}

const platform = () => (globalThis as unknown as { WebAssembly: WebAssemblyNamespace }).WebAssembly;

/** Compiles at once, which no platform refuses for a module of a few kilobytes. */
export function compile(bytes: Uint8Array): object {
  return new (platform().Module)(bytes);
}

/** The exports of a new instance. */
export function exportsOf(module: object): object {
  return new (platform().Instance)(module, {}).exports;
}
