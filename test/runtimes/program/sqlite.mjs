/**
 * The conformance suite on the SQLite of a runtime. Plain ECMAScript: it receives the entries of samekey
 * and returns plain data.
 */

/** @typedef {import('../../../dist/store/store.js').Store} Store */

/**
 * @param {typeof import('../../../dist/store/conformance.js').storeConformance} storeConformance
 * @param {Readonly<Record<string, () => Store | Promise<Store>>>} drivers how each opens a store on the same records
 * @returns {Promise<import('./asking.mjs').Requests>}
 */
export async function sqlite(storeConformance, drivers) {
  const from = Date.now();
  /** @type {string[]} */
  const passed = [];
  /** @type {string[]} */
  const failures = [];
  for (const [driver, open] of Object.entries(drivers)) {
    for (const { name, run } of storeConformance({ open })) {
      try {
        await run();
        passed.push(`${driver}: ${name}`);
      } catch (error) {
        failures.push(`${driver}: ${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return { passed, failures, ms: Date.now() - from };
}
