/**
 * The builds of samekey that are measured: this one and, with `--against PATH`, the build of another
 * clone in PATH. A contender's process loads the build of its name, so both are measured in one run.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export const SAMEKEY = 'samekey';
export const OTHER_BUILD = 'samekey, other build';

/** Child processes inherit the path in this variable. */
export const AGAINST_VARIABLE = 'SAMEKEY_BENCH_AGAINST';

/** @returns {Record<string, URL>} the folders of compiled modules by name */
function folders() {
  const against = process.env[AGAINST_VARIABLE];
  return {
    [SAMEKEY]: new URL('../dist/', import.meta.url),
    ...(against && { [OTHER_BUILD]: pathToFileURL(`${path.resolve(against, 'dist')}/`) }),
  };
}

export const buildNames = () => Object.keys(folders());

/**
 * @param {string} build one of `buildNames()`
 * @param {string} file such as `once/index.js`
 * @returns {Promise<any>} the module
 */
export function loadModule(build, file) {
  const folder = folders()[build];
  if (!folder) throw new Error(`Cannot load the build "${build}": choose from ${buildNames()}`);
  return import(new URL(file, folder).href);
}
