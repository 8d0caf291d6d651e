import { mediaType } from '../request/counted-headers.js';
import { Answer, type BodyJudge, COMPLETE, type Judgement } from '../response/answer.js';
import { events, type MessageReader, MIN_BUFFER_BYTES } from '../response/events.js';
import { LengthCheck } from '../response/length-check.js';
import { headerIn, type ResponseData } from '../response/response-data.js';

/**
 * Judges the response of a handler, which no connection can cut off: only a stream of an API that
 * samekey knows can be incomplete or have failed.
 */
export class HandlerJudge implements BodyJudge {
  readonly #answer = new Answer();
  readonly #length: LengthCheck;
  readonly #reader: MessageReader | undefined;

  constructor(response: ResponseData, maxBytes: number) {
    this.#length = new LengthCheck(response, true);
    const { headers } = response;
    if (mediaType(headerIn(headers, 'content-type')) !== 'text/event-stream') return;
    if (headerIn(headers, 'content-encoding') !== null) return;
    this.#reader = events(this.#answer, Math.max(maxBytes, MIN_BUFFER_BYTES), true);
  }

  see(chunk: Uint8Array): void {
    this.#length.see(chunk);
    this.#reader?.see(chunk);
  }

  end(): Judgement {
    const judgement = this.#length.end() ?? this.#reader?.judge() ?? COMPLETE;
    return judgement.verdict === 'unknown' ? COMPLETE : judgement;
  }
}
