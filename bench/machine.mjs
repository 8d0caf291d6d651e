/** The description of the machine in a result file. */
import { readFileSync } from 'node:fs';
import os from 'node:os';

/**
 * @returns {{ cpu: string, cores: number, arch: string, os: string, memoryGiB: number }}
 */
export function machine() {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    arch: os.arch(),
    os: `${os.type()} ${os.release().split('.').slice(0, 2).join('.')}`,
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  };
}

/**
 * Returns the name of the folder of a processor's results, for example `amd-epyc-9354`. Machines with the
 * same processor share it.
 *
 * @param {string} cpu
 */
export const folderOf = (cpu) =>
  cpu
    .replace(/\((?:R|TM)\)/gi, '')
    .replace(/\b(?:CPU|\d+-Core)\b|@.*/gi, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/**
 * @returns {Record<string, string>} versions of samekey, of the tools and of the peers
 */
export function versions() {
  const root = readJson('../package.json');
  const peers = readJson('package.json');
  return {
    node: process.versions.node,
    v8: process.versions.v8,
    openssl: process.versions.openssl,
    samekey: root.version,
    tinybench: readJson('../node_modules/tinybench/package.json').version,
    ...peers.dependencies,
  };
}

/**
 * Returns the environment of a measured process, without variables that change the engine or slow Node down.
 *
 * @param {Record<string, string>} [extra]
 */
export function cleanEnvironment(extra = {}) {
  const environment = { ...process.env };
  for (const name of ['SAMEKEY_ENGINE', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE']) {
    delete environment[name];
  }
  return { ...environment, ...extra };
}

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
