/** A user of the arena with pending bytes. */
export interface ArenaUser {
  /** Digests the pending bytes. */
  flush(): void;
}

/**
 * The part of WASM memory in which bytes wait until four messages can be digested at a time. It has
 * one user at a time: a new user has the pending bytes of the previous one digested first. So no
 * user has to release it, and an abandoned one does no harm.
 */
export class Arena {
  #user: ArenaUser | undefined;

  use(user: ArenaUser): void {
    if (this.#user === user) return;
    this.#user?.flush();
    this.#user = user;
  }
}
