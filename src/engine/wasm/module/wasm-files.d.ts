/** The result of such an import depends on the bundler: see imported.ts. */
declare module '*.wasm' {
  const module: unknown;
  export default module;
}
declare module '*.wasm?module' {
  const module: unknown;
  export default module;
}
