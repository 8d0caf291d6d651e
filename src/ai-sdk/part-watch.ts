import { isFailedReason } from '../providers/failure.js';
import { type BodyJudge, COMPLETE, type Judgement } from '../response/answer.js';

/** A part of a streamed answer, or a whole answer, which has no type. */
export interface Part {
  readonly type?: string | undefined;
  readonly providerMetadata?: object | undefined;
}

const NO_REASON: Judgement = {
  verdict: 'broken',
  why: 'its stream ended before the model said why',
};

/** Judges an answer by its parts. Its bytes are samekey's own. */
export class PartWatch implements BodyJudge {
  readonly #isStream: boolean;
  #end: Judgement;
  failure: Judgement | undefined;

  constructor(type: 'generate' | 'stream') {
    this.#isStream = type === 'stream';
    this.#end = this.#isStream
      ? { verdict: 'broken', why: 'its stream ended before its finish part' }
      : COMPLETE;
  }

  add(part: Part): void {
    if (this.#isStream && part.type === 'error') this.#fail('its stream has an error in it');
    if (this.#isStream && part.type !== 'finish') return;
    const reason = reasonOf(part as { finishReason?: unknown });
    if (isFailedReason(reason.unified) || isFailedReason(reason.raw)) {
      this.#fail(`its finish reason is ${reason.raw ?? reason.unified}`);
    }
    // A whole answer without a reason came whole.
    if (this.#isStream) this.#end = isReason(reason) ? COMPLETE : NO_REASON;
  }

  see(): void {}

  end(): Judgement {
    return this.failure ?? this.#end;
  }

  #fail(why: string): void {
    this.failure ??= { verdict: 'failed', why };
  }
}

interface Reason {
  readonly unified?: unknown;
  readonly raw?: unknown;
}

/** The reason as version 3 of the specification has it. Version 2 has only text. */
function reasonOf({ finishReason }: { readonly finishReason?: unknown }): Reason {
  if (typeof finishReason === 'string') return { unified: finishReason, raw: finishReason };
  return (finishReason ?? {}) as Reason;
}

/** Finish reasons that do not come from the model. */
const NONE = new Set(['error', 'interrupted', 'unknown']);

/**
 * Whether the model gave a finish reason. After a broken connection, a provider's stream may finish with
 * a placeholder: `unknown` in version 2 of the specification, `other` without a raw reason in version 3,
 * `interrupted` in version 4.
 */
function isReason({ unified, raw }: Reason): boolean {
  if (typeof unified !== 'string' || NONE.has(unified)) return false;
  return unified !== 'other' || (raw !== undefined && raw !== null);
}
