/** A part of a streamed answer, or a whole answer, which has no type. */
export interface Part {
  readonly type?: string | undefined;
  readonly providerMetadata?: object | undefined;
}

/** Observes the parts of an answer and reports why it must not be stored. */
export class PartWatch {
  readonly #isStream: boolean;
  #hasFinished = false;
  #fault: string | undefined;

  constructor(type: 'generate' | 'stream') {
    this.#isStream = type === 'stream';
  }

  see(part: Part): void {
    if (!this.#isStream) return;
    if (part.type === 'error') this.#fault ??= 'its stream has an error in it';
    if (part.type !== 'finish') return;
    const { finishReason } = part as { finishReason?: unknown };
    this.#hasFinished = isReason(finishReason);
    if (!this.#hasFinished) this.#fault ??= 'its stream ended before the model said why';
  }

  /** The first fault. */
  fault(): string | undefined {
    if (this.#fault !== undefined || !this.#isStream || this.#hasFinished) return this.#fault;
    return 'its stream ended before its finish part';
  }
}

/** Finish reasons that do not come from the model. */
const NONE = new Set(['error', 'interrupted', 'unknown']);

/**
 * Whether the model gave a finish reason. After a broken connection, a provider's stream may finish with
 * a placeholder: `unknown` in version 2 of the specification, `other` without a raw reason in version 3,
 * `interrupted` in version 4.
 */
function isReason(reason: unknown): boolean {
  if (typeof reason === 'string') return !NONE.has(reason);
  const { unified, raw } = (reason ?? {}) as { unified?: unknown; raw?: unknown };
  if (typeof unified !== 'string' || NONE.has(unified)) return false;
  return unified !== 'other' || (raw !== undefined && raw !== null);
}
