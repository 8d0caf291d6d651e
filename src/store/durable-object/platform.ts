/** The parts of Cloudflare's Durable Objects that the store uses, so that it needs no types of theirs. */

/** A binding of a Durable Object class, such as `env.SAMEKEY`. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): ObjectStub;
}

/** One object, seen from a Worker. */
export interface ObjectStub {
  fetch(
    url: string,
    init: {
      readonly method: string;
      // biome-ignore lint/suspicious/noExplicitAny: the platforms disagree on the types of bodies and signals.
      readonly body: any;
      // biome-ignore lint/suspicious/noExplicitAny: see above.
      readonly signal?: any;
    },
  ): Promise<{
    readonly status: number;
    readonly headers: { get(name: string): string | null };
    arrayBuffer(): Promise<ArrayBuffer>;
  }>;
}

/** A value that SQLite stores. */
export type SqlValue = ArrayBuffer | string | number | null;

/** What the platform gives to an object with SQLite. */
export interface ObjectState {
  readonly storage: {
    readonly sql: {
      exec(
        query: string,
        // biome-ignore lint/suspicious/noExplicitAny: bindings are bytes in a view, too.
        ...bindings: any[]
      ): { toArray(): Record<string, SqlValue>[]; readonly rowsWritten: number };
    };
    transactionSync<T>(callback: () => T): T;
    getAlarm(): Promise<number | null>;
    setAlarm(atMs: number): Promise<void>;
  };
}
