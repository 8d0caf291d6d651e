import type { Sha256State } from '../engine.js';
import type { Wasm } from './instance.js';

/** The slot that one-shot digests of long content use; it has no owner. */
export const SCRATCH_SLOT = 0;

/**
 * Who lives in which slot of WASM memory. There are a fixed number of slots and any number of open
 * hashers: a hasher that finds no free slot takes the next one round, whose owner's state is saved
 * into JavaScript until it is fed again. So an abandoned hasher costs nothing for long, and nothing
 * depends on finalizers, which not every runtime has.
 */
export class WasmHashers {
  readonly wasm: Wasm;
  readonly #owners: (WasmSha256 | undefined)[];
  #hand = SCRATCH_SLOT;

  constructor(wasm: Wasm) {
    this.wasm = wasm;
    this.#owners = new Array(wasm.at.slotCount).fill(undefined);
  }

  /** A slot for `hasher`, its former owner moved out. */
  claim(hasher: WasmSha256): number {
    this.#hand = (this.#hand % (this.#owners.length - 1)) + 1;
    this.#owners[this.#hand]?.moveOut();
    this.#owners[this.#hand] = hasher;
    return this.#hand;
  }

  /** Feeds `bytes` to a slot: in place if they already lie in WASM memory, else through INPUT. */
  feed(slot: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    const { call, at, bytes: memory } = this.wasm;
    if (bytes.buffer === memory.buffer) {
      call.hasherUpdate(slot, bytes.byteOffset + start, end - start);
      return;
    }
    for (let from = start; from < end; from += at.inputBytes) {
      const to = Math.min(from + at.inputBytes, end);
      memory.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at.input);
      call.hasherUpdate(slot, at.input, to - from);
    }
  }
}

export class WasmSha256 implements Sha256State {
  readonly #home: WasmHashers;
  #slot: number;
  /** The state while it lives outside WASM memory. */
  #saved: Uint8Array | undefined;

  constructor(home: WasmHashers, saved?: Uint8Array) {
    this.#home = home;
    this.#slot = home.claim(this);
    if (saved === undefined) home.wasm.call.hasherOpen(this.#slot);
    else this.#load(saved);
  }

  update(bytes: Uint8Array): void {
    this.#home.feed(this.#enter(), bytes);
  }

  digest(): Uint8Array<ArrayBuffer> {
    const { call, at, bytes } = this.#home.wasm;
    call.hasherDigest(this.#enter());
    return bytes.slice(at.digest, at.digest + 32);
  }

  clone(): WasmSha256 {
    return new WasmSha256(this.#home, this.save());
  }

  save(): Uint8Array<ArrayBuffer> {
    if (this.#saved !== undefined) return this.#saved.slice();
    const { call, at, bytes } = this.#home.wasm;
    return bytes.slice(at.text, at.text + call.hasherSave(this.#slot, at.text));
  }

  moveOut(): void {
    this.#saved = this.save();
  }

  #enter(): number {
    if (this.#saved !== undefined) {
      this.#slot = this.#home.claim(this);
      this.#load(this.#saved);
      this.#saved = undefined;
    }
    return this.#slot;
  }

  #load(saved: Uint8Array): void {
    const { call, at, bytes } = this.#home.wasm;
    bytes.set(saved, at.text);
    call.hasherRestore(this.#slot, at.text);
  }
}
