/** Packages with damaged WebAssembly: samekey must detect the damage and work without the module. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The first round constant of SHA-256 (FIPS 180-4 §4.2.2), as it lies in memory. */
const FIRST_K = Uint8Array.of(0x98, 0x2f, 0x8a, 0x42);

/** @param {Buffer} module */
const digests = (module) => module.includes(FIRST_K);

/**
 * Returns a module that compiles and runs but gives wrong digests. A module that does not digest stays
 * as it is.
 *
 * @param {Buffer} module
 */
export function withWrongConstant(module) {
  if (!digests(module)) return module;
  const wrong = Buffer.from(module);
  const at = module.indexOf(FIRST_K);
  wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
  if (!WebAssembly.validate(wrong)) throw new Error('the damage is not one that compiles');
  return wrong;
}

/** @param {Buffer} module */
export const truncated = (module) => module.subarray(0, module.length >> 1);

/**
 * Replaces the .wasm files of an installed package.
 *
 * @param {import('./project.mjs').Project} project
 * @param {(module: Buffer) => Buffer} damage
 */
export function damageFiles({ samekey }, damage) {
  const directory = path.join(samekey, 'dist');
  const files = readdirSync(directory).filter((name) => name.endsWith('.wasm'));
  const changed = files.filter((name) => {
    const file = path.join(directory, name);
    const module = readFileSync(file);
    const damaged = damage(module);
    writeFileSync(file, damaged);
    return !damaged.equals(module);
  });
  if (changed.length === 0) throw new Error('nothing was damaged');
}

/**
 * Puts the module for digests in place of the one that reads JSON.
 *
 * @param {import('./project.mjs').Project} project
 */
export function confuseFiles({ samekey }) {
  copyFileSync(path.join(samekey, 'dist/core.wasm'), path.join(samekey, 'dist/json.wasm'));
}

/**
 * Replaces the modules inside dist/index.js.
 *
 * @param {import('./project.mjs').Project} project
 * @param {(module: Buffer) => Buffer} damage
 */
export function damageInlined({ samekey }, damage) {
  const file = path.join(samekey, 'dist/index.js');
  const source = readFileSync(file, 'utf8');
  // Starts with `\0asm`.
  const damaged = source.replace(/0061736d[0-9a-f]{1000,}/g, (hex) =>
    damage(Buffer.from(hex, 'hex')).toString('hex'),
  );
  if (damaged === source) throw new Error('nothing was damaged');
  writeFileSync(file, damaged);
}
