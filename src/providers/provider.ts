/**
 * What the files of this folder say of one API each. They contain data and small functions of data.
 * Each concern is an export of its own, so that a bundle contains only the concerns it uses.
 */

/** How the events of a streamed answer show that it is complete. */
export interface StreamDialect {
  /** Whether an event belongs to this dialect: one of its first events, which no other dialect has. */
  readonly isFirst: (event: string | undefined, data: string) => boolean;
  /** Whether an event is the last one of a complete answer. */
  readonly isLast: (event: string | undefined, data: string) => boolean;
  /** The last event, for messages. */
  readonly lastName: string;
  /** Whether an event says that the answer failed, beside the event `error`, which all have. */
  readonly isFailure?: (event: string | undefined) => boolean;
}

/** The members in which an answer counts its tokens. A list of names is a sum. */
export interface UsageNames {
  /** Members of an answer or event that hold a usage. */
  readonly usageMembers?: readonly string[];
  /** Members of an event that hold an answer, which holds a usage. */
  readonly envelopes?: readonly string[];
  /** Members that hold the model's name. */
  readonly modelMembers?: readonly string[];
  /** All input tokens. */
  readonly input?: readonly (readonly string[])[];
  /** All input tokens if the usage has details of them, otherwise those outside the cache. */
  readonly inputOrUncached?: readonly string[];
  /** Input tokens that were neither read from the cache nor written to it. */
  readonly uncached?: readonly string[];
  /** Objects that split the input tokens. */
  readonly details?: readonly string[];
  readonly cacheReadInDetails?: readonly string[];
  readonly cacheWriteInDetails?: readonly string[];
  readonly cacheRead?: readonly string[];
  /** The same, of an input that counts all tokens. */
  readonly cacheReadOfTotal?: readonly string[];
  readonly cacheWrite?: readonly string[];
  readonly output?: readonly (readonly string[])[];
}

/** Where a request of a batch goes, and which requests may share a batch with it. */
export interface BatchRoute {
  readonly url: string;
  /** Requests of different groups may not share a batch. */
  readonly group: string;
  /** How many requests of `maxRequests` it counts as. */
  readonly weight: number;
}

/** What a provider's batches are made of, and how much fits into one. */
export interface BatchFormat<BodyMember extends string = string> {
  readonly maxRequests: number;
  readonly maxBytes: number;
  /** The member of a request that holds the body which the API takes. */
  readonly bodyMember: BodyMember;
  /** The route of all requests, if there is only one. */
  readonly fixedRoute?: BatchRoute;
  /** The route of a request that names its URL. */
  readonly routeOf?: (url: string, body: object) => BatchRoute;
  /** A request as a line of a batch. `body` is JSON text and stays as it is. */
  readonly line: (customId: string, url: string, body: string) => string;
}
