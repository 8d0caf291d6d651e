/**
 * A row of the matrix: where the program runs, and which engines must be there. What is expected
 * is written down, not taken from what works: a silent fall to a slower engine is a failure.
 */

/**
 * @typedef {object} Expected
 * @property {string[]} engines that must work, and no others
 * @property {{small: string, large: string, canonicalizer: string}} active under `auto`
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {Expected} expected
 * @property {[least: number, most: number]} [cspReports] of a blocked attempt, where there is a policy
 * @property {Platform} [requests] are sent by `samekey/fetch`, and what is otherwise there
 * @property {boolean} [serves] a handler behind `samekey/server`
 * @property {boolean} [isolates] several run `once` on one store
 *
 * @typedef {import('../program/requests.mjs').Platform} Platform
 * @typedef {import('../program/asking.mjs').Requests} Requests
 *
 * @typedef {object} Outcome
 * @property {import('../program/conformance.mjs').Result} result
 * @property {string} [version] where the program cannot know it
 * @property {number} [cspReports] where there is a policy
 * @property {Requests} [fetched] where requests are sent
 * @property {Requests} [served] where a server is
 * @property {Requests} [isolated] where there are isolates
 *
 * @typedef {object} Group rows that are run by one function
 * @property {Row[]} rows
 * @property {() => string | undefined} [missing] why it cannot run here
 * @property {(project: import('../project.mjs').Project,
 *   report: (row: Row, outcome: Outcome | Error) => void,
 *   upstream: import('../program/asking.mjs').Upstream) => Promise<void>} run
 */

const active = (small = '', large = small, canonicalizer = small) => ({
  small,
  large,
  canonicalizer,
});

/** @type {Expected} `node:crypto` and WebAssembly */
export const NATIVE_WASM = { engines: ['native', 'wasm', 'js'], active: active('wasm', 'native') };
/** @type {Expected} `node:crypto`, and no WebAssembly */
export const NATIVE_JS = { engines: ['native', 'js'], active: active('js', 'native') };
/** @type {Expected} */
export const WASM = { engines: ['wasm', 'js'], active: active('wasm') };
/** @type {Expected} */
export const JS = { engines: ['js'], active: active('js') };

/** @type {Platform} */
export const NODE = {
  duplicate: 'joined',
  showsRedirects: true,
  tellsRefused: true,
  missesChunks: false,
};
/** @type {Platform} a `fetch` that does not say how it failed */
export const NOT_NODE = { ...NODE, tellsRefused: false };
/** @type {Platform} */
export const BROWSER = { ...NOT_NODE, showsRedirects: false };
/** @type {Platform} */
export const WEBKITGTK = { ...BROWSER, missesChunks: true };
/** @type {Platform} no request may touch what belongs to another one */
export const WORKER = { ...NOT_NODE, duplicate: 'replayed' };
/** @type {Platform} the same, by the `fetch` of Node */
export const EDGE = { ...NODE, duplicate: 'replayed' };
