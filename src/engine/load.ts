import type { Engine, EngineName } from './engine.js';
import { jsEngine } from './js/engine.js';
import { loadNativeEngine } from './native.js';
import { trustPlatform } from './utf8.js';
import { createWasmEngine } from './wasm/engine.js';
import { instantiate, type Wasm } from './wasm/instance.js';

/** FIPS 180-4's own example, "abc": what an engine must answer before it is trusted. */
const ABC = /* @__PURE__ */ Uint8Array.of(0x61, 0x62, 0x63);
const ABC_SHA256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

/** Runs `load` once, on first use; one that throws or fails the self-check never existed. */
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
        // A policy that forbids WebAssembly throws here, each platform in its own way.
      }
    }
    return state;
  };
}

const native = /* @__PURE__ */ lazily(loadNativeEngine, (engine) => engine);
const wasm = /* @__PURE__ */ lazily(instantiate, createWasmEngine);

/** The engine of that name, or `undefined` where it does not work. */
export function loadEngine(name: EngineName): Engine | undefined {
  // Before an engine is tried: it would be taken for the one that is wrong.
  trustPlatform();
  if (name === 'js') return jsEngine;
  return (name === 'native' ? native() : wasm())?.engine;
}

/** The WebAssembly instance behind the `wasm` engine, for the canonicalizer. */
export function loadWasm(): Wasm | undefined {
  return wasm()?.loaded;
}
