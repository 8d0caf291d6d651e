import { own } from '../options/own.js';
import { hasInvocationMetrics } from '../providers/bedrock.js';
import { membersOf, saysFailure } from '../providers/failure.js';
import type { AnswerRules, Message, Verdict } from '../providers/provider.js';
import { answerRules } from '../providers/registry.js';

/** What a response is, and why it is not complete. */
export interface Judgement {
  readonly verdict: Verdict;
  /** Continues "Cannot store the response of …:". Empty for a complete response. */
  readonly why: string;
}

/** Judges the body of a response while it passes. */
export interface BodyJudge {
  /** The failure that the body has told so far. */
  readonly failure?: Judgement | undefined;
  /** How many bytes it holds: all of a body that is one document. */
  readonly heldBytes?: number;
  see(chunk: Uint8Array): void;
  /** Judges the body at its end. */
  end(): Judgement;
}

export const COMPLETE: Judgement = { verdict: 'complete', why: '' };

/** Judges an answer by its messages. `providers/registry.ts` lists how the answers of each API end. */
export class Answer {
  #rules: AnswerRules | undefined;
  #hasLast = false;
  readonly #openParts = new Set<unknown>();
  readonly #endedParts = new Set<unknown>();
  /** The failure that a message has told. */
  failure: Judgement | undefined;

  /** Whether the messages are of an API that samekey knows, or say that the answer failed. */
  get isKnown(): boolean {
    return this.#rules !== undefined || this.failure !== undefined;
  }

  /** The rules of the API that the messages are of, if samekey knows it. */
  get rules(): AnswerRules | undefined {
    return this.#rules;
  }

  add(message: Message): void {
    this.#rules ??= answerRules.find(({ isOwn }) => isOwn(message));
    const rules = this.#rules;
    const isFailure = rules && own(rules, 'isFailure');
    const isLast = rules && own(rules, 'isLast');
    const partsOf = rules && own(rules, 'partsOf');
    if (saysFailure(message) || isFailure?.(message)) {
      const text = message.data.trim();
      this.failure ??= { verdict: 'failed', why: `it says ${text.slice(0, 200)}` };
    }
    this.#hasLast ||= isLast?.(message) === true || hasInvocationMetrics(message.json);
    for (const [part, hasEnded] of partsOf?.(message.json) ?? []) {
      // Some servers repeat a choice without its reason after its end (OpenRouter's usage).
      if (hasEnded) this.#endedParts.add(part);
      else if (!this.#endedParts.has(part)) this.#openParts.add(part);
      if (hasEnded) this.#openParts.delete(part);
    }
  }

  /** Judges a stream that has ended. `isLines` says that its messages are JSON values one after another. */
  judgeStream(isLines = false): Judgement {
    if (this.failure !== undefined) return this.failure;
    const rules = this.#rules;
    if (rules === undefined || (isLines && !own(rules, 'isLines'))) {
      return { verdict: 'unknown', why: 'samekey does not know how its stream ends' };
    }
    const isWithoutEnd = (own(rules, 'isLast') ?? own(rules, 'partsOf')) === undefined;
    const hasAllParts = this.#endedParts.size > 0 && this.#openParts.size === 0;
    if (this.#hasLast || hasAllParts || isWithoutEnd) return COMPLETE;
    return { verdict: 'broken', why: `its stream ended before ${rules.lastName}` };
  }

  /** Judges an answer that was one JSON document, added before. */
  judgeDocument(document: unknown): Judgement {
    if (this.failure !== undefined) return this.failure;
    const verdictOf = this.#rules && own(this.#rules, 'verdictOf');
    const verdict = verdictOf?.(membersOf(document)) ?? 'complete';
    if (verdict === 'complete') return COMPLETE;
    return { verdict, why: 'it has no answer that samekey knows' };
  }
}

/** Judges the parsed body of an answer that is one JSON document. */
export const judgeDocument = (document: unknown): Judgement =>
  answerOf(document).judgeDocument(document);

/** The answer whose only message is this document. */
export function answerOf(document: unknown): Answer {
  const answer = new Answer();
  answer.add(toMessage(document, JSON.stringify(document) ?? ''));
  return answer;
}

/** A message of a parsed value. Some gateways pass only the data of an event on, whose `type` is its name. */
export function toMessage(value: unknown, data: string, name?: string): Message {
  const json = membersOf(value);
  const type = name ?? json.type ?? json.event_type;
  return { name: typeof type === 'string' ? type : undefined, json, data };
}
