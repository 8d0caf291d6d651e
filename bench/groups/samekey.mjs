/** samekey itself as a contender, once for each engine. */

export const ENGINES = /** @type {const} */ (['auto', 'wasm', 'js', 'native']);

/**
 * @param {(samekey: any) => (input: any) => unknown} pick the call to time
 * @param {(output: any) => string} [read]
 * @param {readonly import('../../dist/index.js').EngineChoice[]} [engines]
 * @returns {import('./index.mjs').Contender[]}
 */
export const samekeyContenders = (pick, read, engines = ENGINES) =>
  engines.map((engine) => ({
    name: `samekey ${engine}`,
    read,
    load: () => loadSamekey(engine, pick),
  }));

/**
 * @template Call
 * @param {import('../../dist/index.js').EngineChoice} engine
 * @param {(samekey: any) => Call} pick
 */
export async function loadSamekey(engine, pick) {
  const samekey = await import('../../dist/index.js');
  samekey.useEngine(engine);
  return pick(samekey);
}

/**
 * @param {string} key
 * @returns {string} its hex digits, or the text as it is if it is not a key
 */
export const keyHex = (key) => (/^ik_[0-9a-f]{64}$/.test(key) ? key.slice(3) : key);

/**
 * @param {readonly string[]} keys
 * @returns {string} their hex digits, one line each
 */
export const keysHex = (keys) => keys.map(keyHex).join('\n');
