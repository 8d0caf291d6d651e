import { compile, exportsOf } from './platform.js';

const tagOf = (value: unknown) => Object.prototype.toString.call(value).slice(8, -1);

const taken = /* @__PURE__ */ new WeakSet<object>();

/**
 * The exports of a new instance of what `import * as imported from '….wasm'` gave: a compiled
 * module in workerd and in edge runtimes, but whoever else resolves that import has a way of his
 * own. Tags, because what comes from another realm is no `instanceof` anything here.
 */
export function exportsOfImported(imported: { readonly default?: unknown }): object {
  const { default: given } = imported;
  const tag = tagOf(given);
  if (tag === 'WebAssembly.Module') return exportsOf(given as object);
  if (tag === 'Uint8Array') return exportsOf(compile(given as Uint8Array));
  if (tag === 'ArrayBuffer') return exportsOf(compile(new Uint8Array(given as ArrayBuffer)));
  // WebAssembly's own integration with modules: the namespace is the one instance there is.
  if ('memory' in imported && !taken.has(imported)) {
    taken.add(imported);
    return imported;
  }
  throw new TypeError(`the import of a WebAssembly module gave ${tag}`);
}
