/** samekey itself as a contender, once for each engine. */

export const ENGINES = /** @type {const} */ (['auto', 'wasm', 'js', 'native']);

/**
 * @param {(samekey: any) => (input: any) => string} pick the call to time
 * @param {(output: string) => string} [read]
 * @returns {import('./index.mjs').Contender[]}
 */
export const samekeyContenders = (pick, read) =>
  ENGINES.map((engine) => ({
    name: `samekey ${engine}`,
    read,
    async load() {
      const samekey = await import('../../dist/index.js');
      samekey.useEngine(engine);
      return pick(samekey);
    },
  }));

/**
 * @param {string} key
 * @returns {string} its hex digits; anything that is not a key is returned as it is
 */
export const keyHex = (key) => (/^ik_[0-9a-f]{64}$/.test(key) ? key.slice(3) : key);
