/**
 * The types of what samekey knows of an API. Each API has one file in this folder, with data and small
 * functions of data. Each concern is an export of its own, so that a bundle contains only the concerns
 * it uses.
 */

/**
 * What a response is: the whole answer; an answer that says itself that it failed; one that ended too
 * early; or one whose end samekey does not know.
 */
export type Verdict = 'complete' | 'failed' | 'broken' | 'unknown';

export type Members = Readonly<Record<string, unknown>>;

/** One message of an answer: a JSON document, a server-sent event, a line of JSON, or a frame. */
export interface Message {
  /** The name of the event, or its `type` if it has no name. */
  readonly name: string | undefined;
  /** The members of the JSON object; empty for anything else. */
  readonly json: Members;
  /** The text, such as `[DONE]`. */
  readonly data: string;
}

/** How the answers of an API show that they are complete, or that they failed. */
export interface AnswerRules {
  /** Whether a message is of this API. */
  readonly isOwn: (message: Message) => boolean;
  /** Whether a message says that the answer failed, beside the signs that all APIs share (failure.ts). */
  readonly isFailure?: (message: Message) => boolean;
  /** Whether a message is the last one of a complete stream that matters. */
  readonly isLast?: (message: Message) => boolean;
  /**
   * The parts that a message is about, such as choices, and whether each has ended. A stream is also
   * complete when all its parts have ended.
   */
  readonly partsOf?: (json: Members) => readonly (readonly [part: unknown, hasEnded: boolean])[];
  /** Whether streams are lines of JSON. All other streams are events, frames or the elements of an array. */
  readonly isLines?: true;
  /** What a complete stream ends with, for messages. */
  readonly lastName: string;
  /** Whether a failure is a result of the work, as that of a tool, and not a fault of the server. */
  readonly isFailureResult?: true;
  /** The verdict on an answer of one JSON document. Default: `complete`. */
  readonly verdictOf?: (json: Members) => Verdict;
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

/**
 * A kind of request whose meaning is state at the provider: the same body is another request as soon as
 * the state has changed, so its response is not replayed. Paths that other APIs use as well need a
 * host, a header or a member: one of those that a rule has must be there.
 */
export interface StateRule {
  /** What is at the provider, for the documentation. */
  readonly what: string;
  /** The path of the URL. */
  readonly path: RegExp;
  readonly hosts?: RegExp;
  readonly header?: readonly [name: string, value: RegExp];
  /** Members of the body that refer to the state: `a.b`, and `a[].b` for a list of objects. */
  readonly members?: readonly string[];
  /** Members of the body that show another request at the same path. */
  readonly without?: readonly string[];
}
