import { fail, nameOf, quote } from '../errors/errors.js';
import { createAutoEngine } from './auto.js';
import type { Engine, EngineName } from './engine.js';
import { loadEngine, loadWasm } from './load.js';
import type { Wasm } from './wasm/instance.js';

export type EngineChoice = EngineName | 'auto';

/** One engine that works here, as `listEngines` gives it. */
export interface EngineInfo {
  readonly name: EngineName;
  /** Whether its inner loops use vector instructions that samekey put there. */
  readonly simd: boolean;
}

/** What is in use, as `activeEngine` gives it. */
export interface ActiveEngine extends EngineInfo {
  /** What was asked for; under `auto` the parts below may differ. */
  readonly choice: EngineChoice;
  /** Who digests content too short for `name` to be worth its call. */
  readonly small: EngineName;
  /** Who escapes and assembles canonical JSON. */
  readonly canonicalizer: 'wasm' | 'js';
}

const NAMES: readonly EngineName[] = ['native', 'wasm', 'js'];

interface Selection {
  readonly choice: EngineChoice;
  readonly engine: Engine;
  /** For short content. */
  readonly small: Engine;
  /** For large content, and for streams whose midstate nobody asks for. Loaded when needed. */
  large(): Engine;
  readonly wasm: Wasm | undefined;
}

let selection: Selection | undefined;

function select(choice: EngineChoice): Selection {
  if (choice === 'auto') {
    const small = loadEngine('wasm') ?? (loadEngine('js') as Engine);
    const large = () => loadEngine('native') ?? small;
    return { choice, engine: createAutoEngine(small, large), small, large, wasm: loadWasm() };
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
      `Cannot use the engine "${choice}": it does not work here, which leaves ${listEngines()
        .map(({ name }) => `"${name}"`)
        .join(' and ')}`,
    );
  }
  const wasm = choice === 'wasm' ? loadWasm() : undefined;
  return { choice, engine, small: engine, large: () => engine, wasm };
}

/** `SAMEKEY_ENGINE`, where there is an environment that may be read. */
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

function current(): Selection {
  selection ??= select(choiceFromEnvironment());
  return selection;
}

/** Who digests. */
export function digestEngine(): Engine {
  return current().engine;
}

/** Who digests a long stream whose midstate nobody asks for. */
export function streamEngine(): Engine {
  return current().large();
}

/** The instance that escapes canonical JSON, or `undefined` where plain TypeScript does. */
export function canonicalizerWasm(): Wasm | undefined {
  return current().wasm;
}

/**
 * Returns the engines that work here, fastest for large content first.
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
 * Returns what is in use: under `auto`, `name` digests large content, `small` short content, and
 * `canonicalizer` assembles canonical JSON.
 *
 * @example
 * useEngine('js');
 * activeEngine(); // { name: 'js', simd: false, choice: 'js', small: 'js', canonicalizer: 'js' }
 * useEngine('auto');
 */
export function activeEngine(): ActiveEngine {
  const { choice, large, small, wasm } = current();
  const { name, simd } = large();
  return {
    name,
    simd,
    choice,
    small: small.name,
    canonicalizer: wasm === undefined ? 'js' : 'wasm',
  };
}

/**
 * Uses one engine for everything from here on, or the fastest for each call (`auto`, the default;
 * the environment variable `SAMEKEY_ENGINE` sets another). All engines give the same bytes, so
 * this is for measuring and for narrowing down a fault. `native` and `js` use no WebAssembly at all.
 *
 * @throws {RangeError} `SAMEKEY_ENGINE_UNAVAILABLE` if it does not work here;
 * `SAMEKEY_BAD_ARGUMENT` if there is none of that name.
 * @example
 * useEngine('js');
 * sha256Hex('abc', { bits: 128 }); // 'ik_ba7816bf8f01cfea414140de5dae2223'
 * useEngine('auto');
 */
export function useEngine(choice: EngineChoice): void {
  selection = select(choice);
}
