/**
 * A row of the matrix: the runtime, and the engines that must work there. The expectation is written down
 * instead of derived from the result: a silent fallback to a slower engine is a failure.
 */

/**
 * @typedef {object} Expected
 * @property {string[]} engines that must work, and no others
 * @property {{small: string, large: string, canonicalizer: string}} active under `auto`
 *
 * @typedef {object} Row
 * @property {string} name
 * @property {Expected} expected
 * @property {[least: number, most: number]} [cspReports] of a blocked attempt, under a policy
 * @property {Platform} [requests] if the row sends requests by `samekey/fetch`; how this runtime differs
 * @property {boolean} [serves] whether it runs a handler behind `samekey/server`
 * @property {boolean} [isolates] whether several isolates run `once` on one store
 * @property {readonly string[]} [sqlite] the drivers of SQLite on which `samekey/store/sqlite` works
 *
 * @typedef {import('../program/requests.mjs').Platform} Platform
 * @typedef {import('../program/asking.mjs').Requests} Requests
 *
 * @typedef {object} Outcome
 * @property {import('../program/conformance.mjs').Result} result
 * @property {string} [version] if the program cannot know it
 * @property {number} [cspReports] under a policy
 * @property {Requests} [fetched] if it sends requests
 * @property {Requests} [served] if it is a server
 * @property {Requests} [isolated] if it has isolates
 * @property {Requests} [stored] if it has SQLite
 *
 * @typedef {object} Group rows that are run by one function
 * @property {Row[]} rows
 * @property {() => string | undefined} [missing] the reason why it cannot run here
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
/** @type {Expected} `node:crypto` without WebAssembly */
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
  sendsAgain: false,
};
/** @type {Platform} a `fetch` that does not report how it failed */
export const NOT_NODE = { ...NODE, tellsRefused: false };
/** @type {Platform} */
export const BROWSER = { ...NOT_NODE, showsRedirects: false, sendsAgain: true };
/** @type {Platform} */
export const WEBKITGTK = { ...BROWSER, missesChunks: true, sendsAgain: false };
/** @type {Platform} a request must not touch the objects of another one */
export const WORKER = { ...NOT_NODE, duplicate: 'replayed' };
/** @type {Platform} the same with Node's `fetch` */
export const EDGE = { ...NODE, duplicate: 'replayed' };
