/** Only the DOM library declares WebAssembly. This is the part that is used. */
interface WebAssemblyNamespace {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: object };
}

const platform = () => (globalThis as unknown as { WebAssembly: WebAssemblyNamespace }).WebAssembly;

/** Compiles synchronously, which every platform allows for a module of a few kilobytes. */
export function compile(bytes: Uint8Array): object {
  return new (platform().Module)(bytes);
}

/** Returns the exports of a new instance. */
export function exportsOf(module: object): object {
  return new (platform().Instance)(module, {}).exports;
}
