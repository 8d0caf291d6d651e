/** Temporary projects with the packed tarball installed, and the program and vectors beside it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * @typedef {object} Project
 * @property {string} directory
 * @property {string} samekey where the package is installed
 * @property {(name: string, text: string) => string} write a file, and returns its path
 */

/** The imports of an entry file; `name` is its entry point. */
export const imports = (name = 'samekey') => `
import * as samekey from '${name}';
import { conformance, conformanceAtOnce, withStreams } from './program/conformance.mjs';
import vectors from './vectors.mjs';
`;

/**
 * The imports of an entry file that sends requests to the server of `upstream.mjs`.
 *
 * @param {import('./program/requests.mjs').Platform} platform
 * @param {string} [waitUntil] where to import it from
 */
export const requestImports = (platform, waitUntil) => `
${waitUntil ? `import { waitUntil } from '${waitUntil}';` : ''}
import { idempotentFetch, withRetry } from 'samekey/fetch';
import { encryptedCodec } from 'samekey/once';
import { idempotent } from 'samekey/server';
import { memoryStore } from 'samekey/store/memory';
import { requests } from './program/requests.mjs';
import { serving } from './program/serving.mjs';
import upstream from './upstream.mjs';
const askAll = () =>
  requests({ encryptedCodec, idempotentFetch, memoryStore, withRetry }, upstream, ${JSON.stringify(platform)});
const serve = serving({ idempotent, idempotentFetch, memoryStore }, upstream${waitUntil ? ', waitUntil' : ''});
`;

/** @param {string} file in this folder's node_modules */
export const installed = (file) => path.join(HERE, 'node_modules', file);

/** @param {string} name of a package */
export function versionOf(name) {
  return JSON.parse(readFileSync(installed(`${name}/package.json`), 'utf8')).version;
}

/** @returns {Record<string, any>} every file in test/vectors */
export function readVectors() {
  const directory = path.join(ROOT, 'test/vectors');
  const names = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return Object.fromEntries(
    names.map((name) => [name, JSON.parse(readFileSync(path.join(directory, name), 'utf8'))]),
  );
}

/** @returns {Project} */
export function createProject() {
  const directory = mkdtempSync(path.join(tmpdir(), 'samekey-runtimes-'));
  const npm = (/** @type {string[]} */ args, /** @type {string} */ cwd) =>
    execFileSync('npm', [...args, '--silent'], { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  npm(['pack', '--ignore-scripts', '--pack-destination', directory], ROOT);
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz'));
  writeFileSync(path.join(directory, 'package.json'), '{"private": true, "type": "module"}\n');
  npm(['install', '--offline', '--no-audit', '--no-fund', `./${tarball}`], directory);
  cpSync(path.join(HERE, 'program'), path.join(directory, 'program'), { recursive: true });
  // As text, because parsing 190 KB of literals would test the bundler.
  const text = JSON.stringify(JSON.stringify(readVectors()));
  writeFileSync(path.join(directory, 'vectors.mjs'), `export default JSON.parse(${text});\n`);
  return projectAt(directory);
}

/**
 * Returns a copy, for changes that other rows must not see.
 *
 * @param {Project} project
 */
export function copyOf({ directory }) {
  const copy = mkdtempSync(path.join(tmpdir(), 'samekey-runtimes-'));
  cpSync(directory, copy, { recursive: true });
  return projectAt(copy);
}

/** @param {Project} project */
export const remove = ({ directory }) => rmSync(directory, { recursive: true, force: true });

/**
 * @param {string} directory
 * @returns {Project}
 */
function projectAt(directory) {
  return {
    directory,
    samekey: path.join(directory, 'node_modules/samekey'),
    write(name, text) {
      const file = path.join(directory, name);
      writeFileSync(file, text);
      return file;
    },
  };
}
