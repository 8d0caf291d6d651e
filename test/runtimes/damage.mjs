/** Packages whose WebAssembly arrived damaged: every one must be found out, and done without. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The first round constant of SHA-256 (FIPS 180-4 §4.2.2), as it lies in memory. */
const FIRST_K = Uint8Array.of(0x98, 0x2f, 0x8a, 0x42);

/**
 * A module that compiles and runs, and whose digests are wrong.
 *
 * @param {Buffer} module
 */
export function withWrongConstant(module) {
  const at = module.indexOf(FIRST_K);
  if (at < 0) throw new Error('the round constants are not in the module as they were');
  const wrong = Buffer.from(module);
  wrong.writeUInt8(wrong.readUInt8(at) ^ 1, at);
  if (!WebAssembly.validate(wrong)) throw new Error('the damage is not one that compiles');
  return wrong;
}

/** @param {Buffer} module */
export const truncated = (module) => module.subarray(0, module.length >> 1);

/**
 * Replaces core.wasm in an installed package.
 *
 * @param {import('./project.mjs').Project} project
 * @param {(module: Buffer) => Buffer} damage
 */
export function damageFile({ samekey }, damage) {
  const file = path.join(samekey, 'dist/core.wasm');
  writeFileSync(file, damage(readFileSync(file)));
}

/**
 * Replaces the module inside dist/index.js.
 *
 * @param {import('./project.mjs').Project} project
 * @param {(module: Buffer) => Buffer} damage
 */
export function damageInlined({ samekey }, damage) {
  const file = path.join(samekey, 'dist/index.js');
  const source = readFileSync(file, 'utf8');
  // Every module that it carries: `\0asm` and much more.
  const modules = /0061736d[0-9a-f]{1000,}/g;
  const count = source.match(modules)?.length ?? 0;
  if (count === 0) throw new Error('there is no inlined module to damage');
  const damaged = source.replace(modules, (hex) =>
    (hex.includes(Buffer.from(FIRST_K).toString('hex')) ? damage : truncated)(
      Buffer.from(hex, 'hex'),
    ).toString('hex'),
  );
  writeFileSync(file, damaged);
}
