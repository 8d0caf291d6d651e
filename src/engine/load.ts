import type { Engine, EngineName } from './engine.js';
import { jsEngine } from './js/engine.js';
import { loadNativeEngine } from './native.js';
import { trustPlatform } from './utf8.js';
import { createWasmEngine } from './wasm/engine.js';
import { instantiate, type Wasm } from './wasm/instance.js';

/** The example "abc" of FIPS 180-4. An engine must give the known answer before it is used. */
const ABC = /* @__PURE__ */ Uint8Array.of(0x61, 0x62, 0x63);
const ABC_SHA256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/**
 * Calls `load` once, on first use. An engine that throws or fails its self-check is `undefined`.
 */
function lazily<T>(load: () => T | undefined, engineOf: (loaded: T) => Engine) {
  let state: { loaded: T; engine: Engine } | undefined | null = null;
  return () => {
    if (state === null) {
      state = undefined;
      try {
        const loaded = load();
        if (loaded !== undefined) {
          const engine = engineOf(loaded);
          if (engine.sha256Hex(ABC, 0, 3, '') === ABC_SHA256) state = { loaded, engine };
        }
      } catch {
        // A policy that forbids WebAssembly throws here; each platform throws another error.
      }
    }
    return state;
  };
}

const native = /* @__PURE__ */ lazily(loadNativeEngine, (engine) => engine);
const wasm = /* @__PURE__ */ lazily(instantiate, createWasmEngine);

/** Returns the engine of that name, or `undefined` if it does not work on this platform. */
export function loadEngine(name: EngineName): Engine | undefined {
  // Checked first, because a wrong encoder would make the engine look wrong.
  trustPlatform();
  if (name === 'js') return jsEngine;
  return (name === 'native' ? native() : wasm())?.engine;
}

/** Returns the WebAssembly instance behind the `wasm` engine, for the canonicalizer. */
export function loadWasm(): Wasm | undefined {
  return wasm()?.loaded;
}
