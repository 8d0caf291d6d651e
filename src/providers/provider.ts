/**
 * The types of what samekey knows of an API. Each API has one file in this folder, with data and small
 * functions of data. Each concern is an export of its own, so that a bundle contains only the concerns
 * it uses.
 */

/** How the events of a streamed answer show that it is complete. */
export interface StreamDialect {
  /** Whether an event belongs to this dialect: one of its first events, which no other dialect has. */
  readonly isFirst: (event: string | undefined, data: string) => boolean;
  /** Whether an event is the last one of a complete answer. */
  readonly isLast: (event: string | undefined, data: string) => boolean;
  /** The last event, for messages. */
  readonly lastName: string;
  /** Whether an event says that the answer failed. In all dialects, an event named `error` says it. */
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
  /** Input tokens that the cache has no part in. */
  readonly uncached?: readonly string[];
  /** Objects that split the input tokens. */
  readonly details?: readonly string[];
  /** Members of `details` that count the tokens read from the cache. */
  readonly cacheReadInDetails?: readonly string[];
  /** Members of `details` that count the tokens written to the cache. */
  readonly cacheWriteInDetails?: readonly string[];
  /** Input tokens that were read from the cache. */
  readonly cacheRead?: readonly string[];
  /** The same. This member shows that the input counts all tokens. */
  readonly cacheReadOfTotal?: readonly string[];
  /** Input tokens that were written to the cache. */
  readonly cacheWrite?: readonly string[];
  /** All output tokens. */
  readonly output?: readonly (readonly string[])[];
}

/** Where a request of a batch goes, and which requests may share a batch with it. */
export interface BatchRoute {
  /** The path of the endpoint, such as `/v1/messages`. */
  readonly url: string;
  /** Requests of different groups may not share a batch. */
  readonly group: string;
  /** How many requests of `maxRequests` it counts as. */
  readonly weight: number;
}

/** The format and limits of a provider's batches. */
export interface BatchFormat<BodyMember extends string = string> {
  /** The most requests in one batch. */
  readonly maxRequests: number;
  /** The most bytes in one batch. */
  readonly maxBytes: number;
  /** The member of a request that holds its body. */
  readonly bodyMember: BodyMember;
  /** The route of all requests, if there is only one. */
  readonly fixedRoute?: BatchRoute;
  /** The route of a request that names its URL. */
  readonly routeOf?: (url: string, body: object) => BatchRoute;
  /** A request as a line of a batch. `body` is JSON text and stays as it is. */
  readonly line: (customId: string, url: string, body: string) => string;
}
