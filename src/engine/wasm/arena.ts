/** Who has bytes waiting in the arena. */
export interface Tenant {
  /** Digests what waits. */
  flush(): void;
}

/**
 * The part of WASM memory where bytes wait until four messages can be digested abreast. It has one
 * tenant at a time: who enters has the former's bytes digested first. So nothing is to be released,
 * and a tenant that was abandoned harms nobody.
 */
export class Arena {
  #tenant: Tenant | undefined;

  enter(tenant: Tenant): void {
    if (this.#tenant === tenant) return;
    this.#tenant?.flush();
    this.#tenant = tenant;
  }
}
