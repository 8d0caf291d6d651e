import type { Sha256State } from '../engine.js';
import type { Arena, ArenaUser } from './arena.js';
import type { Wasm } from './instance.js';

/** The slot for one-shot digests of long content. It has no owner. */
export const SCRATCH_SLOT = 0;

/** Words of a job in WASM memory: address, number of bytes, slot. */
const JOB_WORDS = 3;

/** A quarter of the arena: the most that one hasher may have pending there. */
const SHARE_BYTES = 0x10000;

/**
 * Assigns hashers to slots of WASM memory. The number of slots is fixed, the number of open hashers
 * is not: a hasher that finds no free slot takes the next one in turn, and the state of its owner
 * moves to JavaScript until that is fed again. So an abandoned hasher soon costs nothing, without
 * finalizers, which some runtimes lack.
 *
 * Bytes for a hasher are copied into the arena. They wait there until it is full or a digest is
 * requested. Then all pending bytes are digested, four hashers at a time.
 */
export class WasmHashers implements ArenaUser {
  readonly wasm: Wasm;
  readonly #arena: Arena;
  readonly #jobs: Uint32Array;
  readonly #owners: (WasmSha256 | undefined)[];
  #hand = SCRATCH_SLOT;
  /** Hashers with pending bytes, in the order of these bytes in the arena. */
  readonly #waiting: WasmSha256[] = [];
  #waitingBytes = 0;

  constructor(wasm: Wasm, arena: Arena) {
    const slotCount = wasm.at.slotCount;
    this.wasm = wasm;
    this.#arena = arena;
    this.#jobs = new Uint32Array(wasm.bytes.buffer, wasm.call.JOBS.value, slotCount * JOB_WORDS);
    this.#owners = new Array(slotCount).fill(undefined);
  }

  /** Returns a slot for `hasher`, after moving its previous owner out. */
  claim(hasher: WasmSha256): number {
    this.#hand = (this.#hand % (this.#owners.length - 1)) + 1;
    this.#owners[this.#hand]?.moveOut();
    this.#owners[this.#hand] = hasher;
    return this.#hand;
  }

  /** Adds `bytes` to the pending bytes of `hasher`, which has a slot. */
  defer(hasher: WasmSha256, bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > SHARE_BYTES) {
      for (let at = 0; at < length; at += SHARE_BYTES) {
        this.defer(hasher, bytes.subarray(at, at + SHARE_BYTES));
      }
      return;
    }
    if (length === 0) return;
    this.#arena.use(this);
    const all = this.#waitingBytes + length;
    const own = hasher.waitingBytes + length;
    // The last hasher in the arena may add more, up to its share. The others cannot.
    if (
      all > 4 * SHARE_BYTES ||
      (own > length && (own > SHARE_BYTES || this.#waiting[this.#waiting.length - 1] !== hasher))
    ) {
      this.flush();
    }
    this.wasm.bytes.set(bytes, this.wasm.at.arena + this.#waitingBytes);
    if (hasher.waitingBytes === 0) this.#waiting.push(hasher);
    hasher.waitingBytes += length;
    this.#waitingBytes += length;
  }

  flush(): void {
    let ptr = this.wasm.at.arena;
    let job = 0;
    for (const { slot, waitingBytes } of this.#waiting) {
      this.#putJob(job++, ptr, waitingBytes, slot);
      ptr += waitingBytes;
    }
    for (const hasher of this.#waiting) hasher.waitingBytes = 0;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.wasm.call.hashersUpdate(job);
  }

  #putJob(job: number, ptr: number, byteCount: number, slot: number): void {
    const at = job * JOB_WORDS;
    this.#jobs[at] = ptr;
    this.#jobs[at + 1] = byteCount;
    this.#jobs[at + 2] = slot;
  }

  /** Feeds `bytes` to a slot now: in place if they are in WASM memory, otherwise through INPUT. */
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

  /** Feeds bytes in WASM memory to a slot. */
  feedAt(slot: number, ptr: number, byteCount: number): void {
    this.#putJob(0, ptr, byteCount, slot);
    this.wasm.call.hashersUpdate(1);
  }
}

export class WasmSha256 implements Sha256State {
  readonly #home: WasmHashers;
  slot: number;
  /** How many of its bytes are pending in the arena. */
  waitingBytes = 0;
  /** The state while it is outside WASM memory. */
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

  /** Digests the pending bytes, so that the state covers everything it was fed. */
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
