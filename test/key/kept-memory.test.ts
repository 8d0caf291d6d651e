import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { deep, part } from '../depth.js';
import { ENGINES } from '../engine/engines.js';

const PROGRAM = fileURLToPath(new URL('kept-memory.mjs', import.meta.url));

const isQuick = (engine: string) => engine === 'auto' || engine === 'js';

/** Runs one task of the program on one engine. */
function run(task: 'values' | 'growth', engine: string, flags: string[] = [], count = 0) {
  const args = ['--expose-gc', ...flags, PROGRAM, task, engine, `${count}`];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 110_000 }));
}

it.each(part(ENGINES, isQuick))('%s keeps no text and no number of a value', (engine) => {
  const { kept, control } = run('values', engine);
  expect(control).toBeGreaterThan(0);
  expect(kept).toEqual([]);
});

/** The most that names, their order and their bytes may take. */
const MOST_BYTES = 256 * 1024;
/** Measured without any cache. */
const NOISE_BYTES = 8 * 1024;

it.each(part(['auto', 'wasm', 'js'], (engine) => engine === 'auto'))(
  '%s keeps few names of very many shapes',
  (engine) => {
    // Without optimized code, and with a small young generation, only memory that is kept can grow.
    const flags = ['--max-semi-space-size=1', '--no-opt', '--no-sparkplug'];
    const growth: Record<string, number> = run('growth', engine, flags, deep(2000, 3000));
    for (const [name, bytes] of Object.entries(growth)) {
      expect(bytes, name).toBeLessThan(MOST_BYTES + NOISE_BYTES);
    }
  },
);
