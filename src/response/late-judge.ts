import { afterEvents, isBoundToRequest } from '../runtime/runtime.js';
import type { BodyJudge, Judgement } from './answer.js';

/**
 * Judges the chunks of a stream after its readers have them. On Node.js 20 a reader has a chunk 60 µs
 * later than from a bare `fetch`. It was 125 µs when each chunk was parsed first and each pull was a
 * promise.
 *
 * A decision must not miss what has passed: call `catchUp` before each one.
 */
export class LateJudge {
  readonly #judge: BodyJudge;
  readonly #onSeen: (failure: Judgement | undefined) => void;
  readonly #onError: (error: unknown) => void;
  /** Another request cannot judge the chunks of the request that receives them. */
  readonly #isAtOnce = isBoundToRequest();
  #unseen: Uint8Array[] = [];
  #isScheduled = false;

  /**
   * @param onSeen Called after chunks were judged, with the failure that the body has told so far.
   * @param onError Called if the judge throws.
   */
  constructor(
    judge: BodyJudge,
    onSeen: (failure: Judgement | undefined) => void,
    onError: (error: unknown) => void,
  ) {
    this.#judge = judge;
    this.#onSeen = onSeen;
    this.#onError = onError;
  }

  /** Adds a chunk, which must not change later, before the readers have it. */
  add(chunk: Uint8Array): void {
    this.#unseen.push(chunk);
    if (this.#isAtOnce) this.catchUp();
  }

  /** Judges the added chunks after the events of this turn. */
  catchUpSoon(): void {
    if (this.#isScheduled || this.#unseen.length === 0) return;
    this.#isScheduled = true;
    const timer = afterEvents(() => {
      this.#isScheduled = false;
      this.catchUp();
    });
    // The body may end before, and then nothing is left to judge.
    timer?.unref?.();
  }

  /** Judges all chunks that were added. */
  catchUp(): void {
    if (this.#unseen.length === 0) return;
    const chunks = this.#unseen;
    this.#unseen = [];
    try {
      for (const chunk of chunks) this.#judge.see(chunk);
    } catch (error) {
      this.#onError(error);
      return;
    }
    this.#onSeen(this.#judge.failure);
  }
}
