/** What such an import gives depends on who bundles it: see imported.ts. */
declare module '*.wasm' {
  const module: unknown;
  export default module;
}
declare module '*.wasm?module' {
  const module: unknown;
  export default module;
}
