import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { expectFailure, itOnTerminal, onTerminal, ROOT, samekey } from './program.js';

const sizeOf = (name: string) => statSync(join(ROOT, `build/${name}.wasm`)).size;
const wasmBytes = sizeOf('core') + sizeOf('json');

async function json(options: Parameters<typeof samekey>[1]) {
  const run = await samekey(['engine', '--json'], options);
  expect(run).toEqual({ code: 0, stdout: expect.stringMatching(/^\{.*\}\n$/), stderr: '' });
  return JSON.parse(run.stdout);
}

describe('samekey engine', () => {
  it('prints a table of the engines and their uses', async () => {
    const { code, stdout, stderr } = await samekey(['engine']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [head, native, wasm, js, ...rest] = stdout.split('\n');
    expect(head).toBe('ENGINE  WORKS  SIMD  IN USE FOR');
    expect(native).toMatch(/^native {2}yes {4}no {4}longer content +SHA-256 of the platform/);
    expect(wasm).toMatch(/^wasm {4}yes {4}yes {3}short content, canonical JSON +WebAssembly, /);
    expect(wasm).toContain(`, ${wasmBytes.toLocaleString('en-US')} bytes`);
    expect(js).toMatch(/^js {6}yes {4}no {4}- +TypeScript/);
    expect(rest).toEqual(['']);
  });

  it('prints the same as JSON', async () => {
    expect(await json({})).toEqual({
      active: { name: 'native', simd: false, choice: 'auto', small: 'wasm', canonicalizer: 'wasm' },
      engines: [
        { name: 'native', works: true, simd: false },
        { name: 'wasm', works: true, simd: true },
        { name: 'js', works: true, simd: false },
      ],
      wasmBytes,
    });
  });

  it('obeys SAMEKEY_ENGINE', async () => {
    const { active } = await json({ env: { SAMEKEY_ENGINE: 'js' } });
    expect(active).toEqual({
      name: 'js',
      simd: false,
      choice: 'js',
      small: 'js',
      canonicalizer: 'js',
    });
    const { stdout } = await samekey(['engine'], { env: { SAMEKEY_ENGINE: 'wasm' } });
    expect(stdout).toMatch(/^wasm {4}yes {4}yes {3}content, canonical JSON /m);
  });

  it('refuses an unknown engine', async () => {
    expectFailure(
      await samekey(['engine'], { env: { SAMEKEY_ENGINE: 'gpu' } }),
      2,
      /^Cannot use the engine "gpu": .*"auto", "native", "wasm"/,
    );
  });

  it('reports missing WebAssembly, and works without it', async () => {
    const nodeOptions = ['--jitless', '--no-expose-wasm'];
    const { active, engines } = await json({ nodeOptions });
    expect(active).toMatchObject({ name: 'native', small: 'js', canonicalizer: 'js' });
    expect(engines[1]).toEqual({ name: 'wasm', works: false, simd: false });
    const { stdout } = await samekey(['engine'], { nodeOptions });
    expect(stdout).toMatch(/^wasm {4}no {5}- {5}- /m);
    expectFailure(
      await samekey(['engine'], { nodeOptions, env: { SAMEKEY_ENGINE: 'wasm' } }),
      2,
      /^Cannot use the engine "wasm": it does not work on this platform/,
    );
  });

  itOnTerminal('prints engines in use in bold on a terminal', async () => {
    const { stdout } = await onTerminal(['engine']);
    expect(stdout).toContain('\u001b[1mnative  yes');
    expect(stdout).toContain('\njs      yes');
  });
});
