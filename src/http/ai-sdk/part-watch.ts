/** A part of a streamed answer, or a whole one, which has no type. */
export interface Part {
  readonly type?: string | undefined;
  readonly providerMetadata?: object | undefined;
}

/** Watches an answer go by, and says in the end why it must not be kept. */
export class PartWatch {
  readonly #isStream: boolean;
  #hasFinished = false;
  #fault: string | undefined;

  constructor(type: 'generate' | 'stream') {
    this.#isStream = type === 'stream';
  }

  see(part: Part): void {
    if (!this.#isStream) return;
    if (part.type === 'error') this.blame('its stream has an error in it');
    if (part.type !== 'finish') return;
    const { finishReason } = part as { finishReason?: unknown };
    this.#hasFinished = isReason(finishReason);
    if (!this.#hasFinished) this.blame('its stream ended before the model said why');
  }

  /** The first thing that was wrong counts. */
  blame(fault: string): void {
    this.#fault ??= fault;
  }

  fault(): string | undefined {
    if (this.#isStream && !this.#hasFinished) this.blame('its stream ended before its finish part');
    return this.#fault;
  }
}

/**
 * Whether a model has said why it ended. Where a connection was cut, providers finish all the same,
 * with a reason that stands for none: in versions 3 and 4 of the specification `other` without a raw
 * one, in version 2 `unknown`.
 */
function isReason(reason: unknown): boolean {
  if (typeof reason === 'string') return reason !== 'unknown' && reason !== 'error';
  const { unified, raw } = (reason ?? {}) as { unified?: unknown; raw?: unknown };
  return (
    typeof unified === 'string' && unified !== 'error' && !(unified === 'other' && raw == null)
  );
}
