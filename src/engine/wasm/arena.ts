import type { Wasm } from './instance.js';

/** Words of a job in WASM memory: address, number of bytes, slot. */
export const JOB_WORDS = 3;

/** Who has bytes waiting in the arena. */
export interface Tenant {
  /** Digests what waits. */
  flush(): void;
}

/**
 * The part of WASM memory where bytes wait until four messages can be digested abreast. It has one
 * tenant at a time; whoever enters after another has the other's bytes digested first. So nothing
 * is to be released, and a tenant that is abandoned harms nobody.
 */
export class Arena {
  readonly wasm: Wasm;
  readonly start: number;
  readonly byteCount: number;
  /** The table of jobs, which is filled in just before it is worked off. */
  readonly jobs: Uint32Array;
  #tenant: Tenant | undefined;

  constructor(wasm: Wasm) {
    const { ARENA, ARENA_BYTES, JOBS, LENGTHS, memory } = wasm.call;
    this.wasm = wasm;
    this.start = ARENA.value;
    this.byteCount = ARENA_BYTES.value;
    this.jobs = new Uint32Array(memory.buffer, JOBS.value, (LENGTHS.value - JOBS.value) / 4);
  }

  enter(tenant: Tenant): void {
    while (this.#tenant !== tenant) {
      const former = this.#tenant;
      this.#tenant = undefined;
      former?.flush();
      // Results may have gone on to another batch, which has entered then.
      this.#tenant ??= tenant;
    }
  }
}
