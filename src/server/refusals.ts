import { encoder } from '../engine/utf8.js';
import { fail, nameOf, requireMembers } from '../errors/errors.js';
import type { OnceEvent } from '../once/index.js';
import { ignoreRejection, notify } from '../options/callbacks.js';
import { own } from '../options/own.js';
import { hasNoBody } from '../request/status.js';
import { PROBLEM_TYPE, type ProblemDetails, problemText } from '../response/problem.js';
import { type HeaderLine, linesOf, type ResponseData } from '../response/response-data.js';
import type { ServerProblem } from './problem.js';

/**
 * How `onError` answers a refused request. A member that you omit keeps the value of the problem. Your
 * headers are added to those of the problem, so that a client still learns when to try again. Return the
 * problem itself for the usual answer.
 */
export interface ErrorAnswer {
  /** The HTTP status, from 200 to 599. */
  readonly status?: number | undefined;
  /** Headers beside those of the problem, or in place of them. `undefined` removes one. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * The body: text, bytes, any other value as JSON, or `null` for none. Its `content-type` follows from
   * that, unless `headers` has one. Without it, the body is the problem as `application/problem+json`.
   */
  readonly body?: unknown;
  /** In place of the type of the problem. */
  readonly type?: string | undefined;
  /** In place of its title, for example in another language. */
  readonly title?: string | undefined;
  /** In place of its detail. */
  readonly detail?: string | undefined;
  /** In place of its code. */
  readonly code?: string | undefined;
}

/** The response to a refused request. */
export interface Refusal extends ResponseData {
  readonly problem: ServerProblem;
  /** The body before it became bytes. */
  readonly content: unknown;
}

interface RefusalSettings {
  readonly onError: ((problem: ServerProblem, request: never) => ErrorAnswer) | undefined;
  readonly onEvent: ((event: OnceEvent) => void) | undefined;
}

/** Makes the responses to refused requests: problem details (RFC 9457), or what `onError` returns. */
export class Refusals {
  readonly #settings: RefusalSettings;

  constructor(settings: RefusalSettings) {
    this.#settings = settings;
  }

  /** `key` is that of the record, if it is known. */
  of(problem: ServerProblem, incoming: unknown, key = ''): Refusal {
    const { onError } = this.#settings;
    if (onError === undefined) return refusalOf(problem, {});
    try {
      const answer: unknown = onError(problem, incoming as never);
      ignoreRejection(answer);
      requireMembers(answer, MEMBERS, 'answer of onError');
      return refusalOf(problem, answer as ErrorAnswer);
    } catch (error) {
      this.#tell(key, error);
      return refusalOf(problem, {});
    }
  }

  #tell(key: string, error: unknown): void {
    const { onEvent } = this.#settings;
    if (onEvent === undefined) return;
    const event = { type: 'optionError', option: 'onError', error, key } as const;
    notify(onEvent, { ...event, traceparent: undefined });
  }
}

const DETAILS = ['type', 'title', 'status', 'detail', 'code'] as const;
const MEMBERS: readonly string[] = [...DETAILS, 'headers', 'body'];

function refusalOf(problem: ServerProblem, answer: ErrorAnswer): Refusal {
  const status = checkedStatus(own(answer, 'status') ?? problem.status);
  const details = Object.fromEntries(
    DETAILS.map((name) => [name, own(answer, name) ?? problem[name]]),
  ) as unknown as ProblemDetails;
  const body = own(answer, 'body');
  const content = body === undefined ? details : body;
  const [type, bytes] =
    body === undefined
      ? [PROBLEM_TYPE, encoder.encode(problemText(details))]
      : bytesOf(hasNoBody(status) ? null : body);
  const headers = linesOfAnswer({
    ...(type !== undefined && { 'content-type': type }),
    ...problem.headers,
    ...lowered(own(answer, 'headers')),
  });
  return { status, statusText: '', url: '', headers, body: bytes, problem, content };
}

/** A body with its media type. */
type TypedBody = readonly [type: string | undefined, bytes: Uint8Array | null];

function bytesOf(body: unknown): TypedBody {
  if (body === null) return [undefined, null];
  if (typeof body === 'string') return ['text/plain; charset=utf-8', encoder.encode(body)];
  if (body instanceof Uint8Array) return ['application/octet-stream', new Uint8Array(body)];
  const text: string | undefined = JSON.stringify(body);
  if (text === undefined) refuse(`its body is ${nameOf(body)}`, 'text, bytes or a JSON value');
  return ['application/json', encoder.encode(text)];
}

function checkedStatus(status: unknown): number {
  if (Number.isInteger(status) && (status as number) >= 200 && (status as number) < 600) {
    return status as number;
  }
  return refuse(`its status is ${String(status)}`, 'a number from 200 to 599');
}

function lowered(headers: unknown): Record<string, unknown> {
  if (headers === undefined) return {};
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) {
    refuse(`its headers are ${nameOf(headers)}`, 'an object with names and values');
  }
  return Object.fromEntries(
    Object.entries(headers as object).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** `Headers` checks names and values, which the server would otherwise do in the middle of the response. */
function linesOfAnswer(headers: Readonly<Record<string, unknown>>): HeaderLine[] {
  const checked = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) checked.set(name, String(value));
  }
  return linesOf(checked);
}

const refuse = (state: string, wanted: string): never =>
  fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot use the answer of onError: ${state}, wanted ${wanted}`,
  );
