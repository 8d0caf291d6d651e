import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  activeEngine,
  canonicalize,
  createSha256,
  keyOf,
  listEngines,
  sha256Hex,
  useEngine,
} from '../../src/index.js';
import { expectThrown } from '../errors/thrown.js';

const BUILT = new URL('../../dist/index.js', import.meta.url);
const ABC = 'ik_ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

afterEach(() => useEngine('auto'));

describe('in Node', () => {
  it('all three engines work', () => {
    expect(listEngines()).toEqual([
      { name: 'native', simd: false },
      { name: 'wasm', simd: true },
      { name: 'js', simd: false },
    ]);
  });

  it('auto takes the platform for large content and WebAssembly for the rest', () => {
    useEngine('auto');
    expect(activeEngine()).toEqual({
      name: 'native',
      simd: false,
      choice: 'auto',
      small: 'wasm',
      canonicalizer: 'wasm',
    });
    // And WebAssembly, or TypeScript, where a state may be saved.
    expect(createSha256().update('abc').save()).toHaveLength(43);
  });

  it.each([
    ['native', false, 'js'],
    ['wasm', true, 'wasm'],
    ['js', false, 'js'],
  ] as const)('%s does everything alone when it is chosen', (name, simd, canonicalizer) => {
    useEngine(name);
    expect(activeEngine()).toEqual({ name, simd, choice: name, small: name, canonicalizer });
    expect(sha256Hex('abc')).toBe(ABC);
  });

  it('a list that is given away can be changed without harm', () => {
    listEngines().length = 0;
    expect(listEngines()).toHaveLength(3);
  });

  it('a name that there is not is refused, and changes nothing', () => {
    useEngine('js');
    expectThrown(() => useEngine('gpu' as never), RangeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
      message: 'Cannot use the engine "gpu": wanted "auto", "native", "wasm" or "js"',
    });
    expect(activeEngine().choice).toBe('js');
  });

  it('engines may be changed between any two calls', () => {
    const value = { b: ['é'.repeat(200), 1.5], a: 'x'.repeat(200_000) };
    const results = (['js', 'wasm', 'auto', 'native', 'wasm', 'js', 'auto'] as const).map(
      (name) => {
        useEngine(name);
        return [sha256Hex('abc'), keyOf(value), canonicalize({ a: '"' })].join(' ');
      },
    );
    expect(new Set(results).size).toBe(1);
  });
});

/** Runs a script against the built library in a process of its own. */
function run(script: string, env: Record<string, string> = {}, flags: string[] = []) {
  if (!existsSync(BUILT)) throw new Error('dist/index.js is missing: run "npm run build" first');
  const source = `
    const { activeEngine, listEngines, sha256Hex, keyOf, useEngine } =
      await import(${JSON.stringify(BUILT.href)});
    ${script}`;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '--eval', source],
    { encoding: 'utf8', env: { ...process.env, ...env } },
  );
  return { status, stdout, stderr };
}

const SHOW = `
  const { name, choice, canonicalizer } = activeEngine();
  console.log(name, choice, canonicalizer, sha256Hex('abc'));`;

describe('SAMEKEY_ENGINE', () => {
  it.each([
    ['', 'native auto wasm'],
    ['auto', 'native auto wasm'],
    ['native', 'native native js'],
    ['wasm', 'wasm wasm wasm'],
    ['js', 'js js js'],
  ])('set to "%s" chooses: %s', (SAMEKEY_ENGINE, expected) => {
    expect(run(SHOW, { SAMEKEY_ENGINE })).toEqual({
      status: 0,
      stdout: `${expected} ${ABC}\n`,
      stderr: '',
    });
  });

  it('gives way to useEngine', () => {
    const { stdout } = run(`useEngine('js');${SHOW}`, { SAMEKEY_ENGINE: 'wasm' });
    expect(stdout).toBe(`js js js ${ABC}\n`);
  });

  const CATCH = `
    for (const act of [() => sha256Hex('abc'), () => keyOf(1), activeEngine]) {
      try { act(); console.log('nothing'); } catch (error) {
        console.log(error.constructor.name, error.code);
      }
    }
    console.log(listEngines().length);`;

  it('set to a name that there is not is refused at each use, and not at the import', () => {
    const { status, stdout } = run(CATCH, { SAMEKEY_ENGINE: 'gpu' });
    const line = 'RangeError SAMEKEY_BAD_ARGUMENT\n';
    expect({ status, stdout }).toEqual({ status: 0, stdout: `${line.repeat(3)}3\n` });
  });

  it('set to an engine that does not work here is refused', () => {
    const { stdout } = run(`delete globalThis.WebAssembly;${CATCH}`, { SAMEKEY_ENGINE: 'wasm' });
    expect(stdout).toBe(`${'RangeError SAMEKEY_ENGINE_UNAVAILABLE\n'.repeat(3)}2\n`);
  });

  it('can be undone by useEngine', () => {
    const { stdout } = run(`useEngine('auto');${SHOW}`, { SAMEKEY_ENGINE: 'gpu' });
    expect(stdout).toBe(`native auto wasm ${ABC}\n`);
  });
});

describe('an import', () => {
  it('does nothing: no module is compiled, no clock, file or environment is read', () => {
    const { status, stdout, stderr } = run('console.log("idle");', {}, [
      '--import',
      `data:text/javascript,${encodeURIComponent(`
        const { WebAssembly } = globalThis;
        globalThis.WebAssembly = new Proxy(WebAssembly, { get(target, name) {
          console.log('WebAssembly', String(name)); return target[name]; } });`)}`,
    ]);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'idle\n', stderr: '' });
  });

  it('works by the name of the package', () => {
    const out = execFileSync(
      process.execPath,
      [
        '--input-type=module',
        '--eval',
        "import { sha256Hex } from 'samekey'; console.log(sha256Hex('abc'));",
      ],
      { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)) },
    );
    expect(out).toBe(`${ABC}\n`);
  });
});
