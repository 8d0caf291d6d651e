import { fail, nameOf, quote } from '../errors/errors.js';
import { createAutoEngine } from './auto.js';
import { countEarly, createEarlyEngine } from './early.js';
import type { Engine, EngineName } from './engine.js';
import { loadEngine, loadWasm } from './load.js';
import type { Wasm } from './wasm/instance.js';

/** An engine by name, or `'auto'` for the fastest one of each call. */
export type EngineChoice = EngineName | 'auto';

/** An engine that works on this platform, as returned by `listEngines`. */
export interface EngineInfo {
  /** The name of the engine. */
  readonly name: EngineName;
  /** Whether the inner loops use vector instructions (WebAssembly SIMD). */
  readonly simd: boolean;
}

/** The engines in use, as returned by `activeEngine`. */
export interface ActiveEngine extends EngineInfo {
  /** The argument of the last `useEngine`. Under `auto` the engines below may differ. */
  readonly choice: EngineChoice;
  /** The engine for content that is too short for `name`. */
  readonly small: EngineName;
  /** The implementation that escapes and assembles canonical JSON. */
  readonly canonicalizer: 'wasm' | 'js';
}

const NAMES: readonly EngineName[] = ['native', 'wasm', 'js'];

interface Selection {
  readonly choice: EngineChoice;
  readonly engine: Engine;
  /** For short content. */
  readonly small: Engine;
  /** For large content, and for streams whose state is never saved. Loaded on demand. */
  large(): Engine;
  /** The instance that escapes canonical JSON, for about `byteCount` bytes. */
  wasm(byteCount: number): Wasm | undefined;
  /** If not all engines are loaded yet: the selection that will replace this one. */
  all?(): Selection;
}

let selection: Selection | undefined;

function select(choice: EngineChoice): Selection {
  if (choice === 'auto') {
    const small = loadEngine('wasm') ?? (loadEngine('js') as Engine);
    const large = () => loadEngine('native') ?? small;
    return { choice, engine: createAutoEngine(small, large), small, large, wasm: loadWasm };
  }
  if (!NAMES.includes(choice)) {
    const isText = typeof choice === 'string';
    fail(
      isText ? RangeError : TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use the engine ${isText ? quote(choice) : nameOf(choice)}: wanted "auto", "native", "wasm" or "js"`,
    );
  }
  const engine = loadEngine(choice);
  if (engine === undefined) {
    return fail(
      RangeError,
      'SAMEKEY_ENGINE_UNAVAILABLE',
      `Cannot use the engine "${choice}": it does not work on this platform, wanted ${listEngines()
        .map(({ name }) => `"${name}"`)
        .join(' or ')}`,
    );
  }
  const wasm = () => (choice === 'wasm' ? loadWasm() : undefined);
  return { choice, engine, small: engine, large: () => engine, wasm };
}

/** Reads `SAMEKEY_ENGINE`, if the program may read its environment. */
function choiceFromEnvironment(): EngineChoice {
  const { process } = globalThis as {
    process?: { env?: Record<string, string | undefined> };
  };
  try {
    return (process?.env?.SAMEKEY_ENGINE || 'auto') as EngineChoice;
  } catch {
    // Deno without the permission to read the environment.
    return 'auto';
  }
}

/** Selects `auto` without loading the WebAssembly module yet. */
function selectEarly(): Selection {
  const small = loadEngine('js') as Engine;
  const isEarly = countEarly();
  let loaded: Selection | undefined;
  const all = () => {
    loaded ??= select('auto');
    if (selection === early) selection = loaded;
    return loaded;
  };
  const early: Selection = {
    choice: 'auto',
    engine: createEarlyEngine(small, isEarly, () => all().engine),
    small,
    large: () => all().large(),
    wasm: (byteCount) => (isEarly(byteCount) ? undefined : all().wasm(byteCount)),
    all,
  };
  return early;
}

function current(): Selection {
  if (selection === undefined) {
    const choice = choiceFromEnvironment();
    selection = choice === 'auto' ? selectEarly() : select(choice);
  }
  return selection;
}

/** Returns the engine for digests. */
export function digestEngine(): Engine {
  return current().engine;
}

/** Returns the engine for long streams whose state is never saved. */
export function streamEngine(): Engine {
  return current().large();
}

/**
 * Returns the instance that escapes canonical JSON, or `undefined` if plain TypeScript does. The
 * size of the text, if known, decides whether loading it pays off.
 */
export function canonicalizerWasm(byteCount = 0): Wasm | undefined {
  return current().wasm(byteCount);
}

/**
 * Returns the engines that work on this platform, the fastest for large content first.
 *
 * @example
 * listEngines().at(-1); // { name: 'js', simd: false }
 */
export function listEngines(): EngineInfo[] {
  return NAMES.map(loadEngine)
    .filter((engine) => engine !== undefined)
    .map(({ name, simd }) => ({ name, simd }));
}

/**
 * Returns the engines in use. Under `auto`, `name` digests large content, `small` short content,
 * and `canonicalizer` assembles canonical JSON.
 *
 * @example
 * useEngine('js');
 * activeEngine(); // { name: 'js', simd: false, choice: 'js', small: 'js', canonicalizer: 'js' }
 * useEngine('auto');
 */
export function activeEngine(): ActiveEngine {
  const selected = current();
  const { choice, large, small, wasm } = selected.all?.() ?? selected;
  const { name, simd } = large();
  return {
    name,
    simd,
    choice,
    small: small.name,
    canonicalizer: wasm(0) === undefined ? 'js' : 'wasm',
  };
}

/**
 * Selects one engine for all calls from now on, or the fastest for each call (`auto`). The default
 * is `auto`, or the value of the environment variable `SAMEKEY_ENGINE`. All engines return the same
 * bytes, so this is for measurements and for narrowing down a fault. `native` and `js` use no
 * WebAssembly.
 *
 * @throws {RangeError} `SAMEKEY_ENGINE_UNAVAILABLE` if it does not work on this platform;
 * `SAMEKEY_BAD_ARGUMENT` for an unknown name.
 * @example
 * useEngine('js');
 * sha256Hex('abc', { bits: 128 }); // 'ik_ba7816bf8f01cfea414140de5dae2223'
 * useEngine('auto');
 */
export function useEngine(choice: EngineChoice): void {
  selection = select(choice);
}
