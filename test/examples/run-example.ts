import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';

/** Runs an example as a reader does. Returns the lines that it prints. */
export async function linesOf(name: string, env: Record<string, string> = {}): Promise<string[]> {
  const path = fileURLToPath(new URL(`../../examples/${name}.mjs`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path], {
    env: { ...process.env, ...env },
  });
  expect(stderr).toBe('');
  return stdout
    .trim()
    .split(/\n/)
    .map((line) => line.trim().replace(/ +/g, ' '));
}
