import type { Sha256State } from '../engine.js';
import { type Arena, JOB_WORDS, type Tenant } from './arena.js';
import type { Wasm } from './instance.js';

/** The slot that one-shot digests of long content use; it has no owner. */
export const SCRATCH_SLOT = 0;

/**
 * Who lives in which slot of WASM memory. There are a fixed number of slots and any number of open
 * hashers: a hasher that finds no free slot takes the next one round, whose owner's state is saved
 * into JavaScript until it is fed again. So an abandoned hasher costs nothing for long, and nothing
 * depends on finalizers, which not every runtime has.
 *
 * What a hasher is fed is copied into the arena and waits there, until there is no room or somebody
 * wants its digest: then all that waits is digested four hashers abreast.
 */
export class WasmHashers implements Tenant {
  readonly wasm: Wasm;
  readonly #arena: Arena;
  readonly #shareBytes: number;
  readonly #owners: (WasmSha256 | undefined)[];
  #hand = SCRATCH_SLOT;
  /** Hashers whose bytes wait, in the order in which these stand in the arena. */
  readonly #waiting: WasmSha256[] = [];
  #waitingBytes = 0;

  constructor(arena: Arena) {
    this.wasm = arena.wasm;
    this.#arena = arena;
    this.#shareBytes = arena.byteCount / 4;
    this.#owners = new Array(arena.wasm.at.slotCount).fill(undefined);
  }

  /** A slot for `hasher`, its former owner moved out. */
  claim(hasher: WasmSha256): number {
    this.#hand = (this.#hand % (this.#owners.length - 1)) + 1;
    this.#owners[this.#hand]?.moveOut();
    this.#owners[this.#hand] = hasher;
    return this.#hand;
  }

  /** Lets `bytes` wait to be fed to `hasher`, which is in its slot. */
  defer(hasher: WasmSha256, bytes: Uint8Array): void {
    this.#arena.enter(this);
    const { start, byteCount } = this.#arena;
    const share = this.#shareBytes;
    for (let from = 0; from < bytes.length; from += share) {
      const piece =
        bytes.length <= share ? bytes : bytes.subarray(from, Math.min(from + share, bytes.length));
      // The last in the arena may have more, up to its share. Others have had their turn.
      const isLast = this.#waiting.at(-1) === hasher;
      if (
        this.#waitingBytes + piece.length > byteCount ||
        (hasher.waitingBytes > 0 && !(isLast && hasher.waitingBytes + piece.length <= share))
      ) {
        this.flush();
      }
      this.wasm.bytes.set(piece, start + this.#waitingBytes);
      if (hasher.waitingBytes === 0) this.#waiting.push(hasher);
      hasher.waitingBytes += piece.length;
      this.#waitingBytes += piece.length;
    }
  }

  flush(): void {
    const { start, jobs } = this.#arena;
    let ptr = start;
    this.#waiting.forEach((hasher, i) => {
      jobs[JOB_WORDS * i] = ptr;
      jobs[JOB_WORDS * i + 1] = hasher.waitingBytes;
      jobs[JOB_WORDS * i + 2] = hasher.slot;
      ptr += hasher.waitingBytes;
      hasher.waitingBytes = 0;
    });
    if (ptr !== start) this.wasm.call.hashersUpdate(this.#waiting.length);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  /** Feeds `bytes` to a slot now: in place if they already lie in WASM memory, else through INPUT. */
  feed(slot: number, bytes: Uint8Array, start = 0, end = bytes.length): void {
    const { at, bytes: memory } = this.wasm;
    if (bytes.buffer === memory.buffer) {
      this.feedAt(slot, bytes.byteOffset + start, end - start);
      return;
    }
    for (let from = start; from < end; from += at.inputBytes) {
      const to = Math.min(from + at.inputBytes, end);
      memory.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), at.input);
      this.feedAt(slot, at.input, to - from);
    }
  }

  /** Feeds what lies in WASM memory to a slot. */
  feedAt(slot: number, ptr: number, byteCount: number): void {
    this.#arena.jobs.set([ptr, byteCount, slot]);
    this.wasm.call.hashersUpdate(1);
  }
}

export class WasmSha256 implements Sha256State {
  readonly #home: WasmHashers;
  slot: number;
  /** How many of its bytes wait in the arena. */
  waitingBytes = 0;
  /** The state while it lives outside WASM memory. */
  #saved: Uint8Array | undefined;

  constructor(home: WasmHashers, saved?: Uint8Array) {
    this.#home = home;
    this.slot = home.claim(this);
    if (saved === undefined) home.wasm.call.hasherOpen(this.slot);
    else this.#load(saved);
  }

  update(bytes: Uint8Array): void {
    this.#enter();
    if (bytes.buffer === this.#home.wasm.bytes.buffer) {
      this.#settle();
      this.#home.feed(this.slot, bytes);
    } else this.#home.defer(this, bytes);
  }

  digest(): Uint8Array<ArrayBuffer> {
    const { call, at, bytes } = this.#home.wasm;
    this.#settle();
    this.#enter();
    call.hasherDigest(this.slot);
    return bytes.slice(at.digest, at.digest + 32);
  }

  clone(): WasmSha256 {
    return new WasmSha256(this.#home, this.save());
  }

  save(): Uint8Array<ArrayBuffer> {
    if (this.#saved !== undefined) return this.#saved.slice();
    this.#settle();
    const { call, at, bytes } = this.#home.wasm;
    return bytes.slice(at.text, at.text + call.hasherSave(this.slot, at.text));
  }

  moveOut(): void {
    this.#saved = this.save();
  }

  /** Has what waits digested, so that the state is that of all it was fed. */
  #settle(): void {
    if (this.waitingBytes > 0) this.#home.flush();
  }

  #enter(): void {
    if (this.#saved !== undefined) {
      this.slot = this.#home.claim(this);
      this.#load(this.#saved);
      this.#saved = undefined;
    }
  }

  #load(saved: Uint8Array): void {
    const { call, at, bytes } = this.#home.wasm;
    bytes.set(saved, at.text);
    call.hasherRestore(this.slot, at.text);
  }
}
