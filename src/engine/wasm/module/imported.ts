import { compile, exportsOf } from './platform.js';

const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

const taken = /* @__PURE__ */ new WeakSet<object>();

/**
 * Returns the exports of a new instance of `import * as imported from '….wasm'`. In workerd and
 * edge runtimes this import is a compiled module; other platforms and bundlers resolve it in other
 * ways. It tests tags, because `instanceof` fails for objects of another realm.
 */
export function exportsOfImported(imported: { readonly default?: unknown }): object {
  const { default: given } = imported;
  const tag = tagOf(given);
  if (tag === 'WebAssembly.Module') return exportsOf(given as object);
  if (tag === 'Uint8Array') return exportsOf(compile(given as Uint8Array));
  if (tag === 'ArrayBuffer') return exportsOf(compile(new Uint8Array(given as ArrayBuffer)));
  // The WebAssembly ESM integration: the namespace has the exports of the only instance.
  if ('memory' in imported && !taken.has(imported)) {
    taken.add(imported);
    return imported;
  }
  throw new TypeError(`the import of a WebAssembly module gave ${tag}`);
}
