import type { AbortSource } from '../once/abort.js';
import type { Subscriber } from '../once/live.js';
import type { Recording } from './recording.js';
import type { HeaderLine, ResponseBody, ResponseHead } from './response-data.js';

/** What a caller reads of a response in flight. */
interface ReadResponse {
  readonly head: ResponseHead | undefined;
  readonly cookies: readonly HeaderLine[];
  /** The body if all of it arrived with the head, `null` if there is none; `undefined` for a stream. */
  readonly whole: Uint8Array | null | undefined;
}

/** A caller of a request: first it waits for the head, then it reads the body. */
export class ResponseSubscriber implements Subscriber {
  readonly #response: ReadResponse;
  readonly #signal: AbortSource | undefined;
  readonly #onEnd: () => void;
  #body: ReadableStream<Uint8Array> | undefined;
  #hasEnded = false;
  /** Counts this caller off at its run. */
  leave: (() => void) | undefined;

  constructor(response: ReadResponse, signal: AbortSource | undefined, onEnd: () => void) {
    this.#response = response;
    this.#signal = signal;
    this.#onEnd = onEnd;
  }

  /** The head, once it has arrived. */
  get head(): ResponseHead {
    return this.#response.head as ResponseHead;
  }

  /** The head for the caller whose request was sent. */
  get ownHead(): ResponseHead {
    const { head, cookies } = this.#response;
    if (cookies.length === 0) return head as ResponseHead;
    return { ...(head as ResponseHead), headers: [...(head as ResponseHead).headers, ...cookies] };
  }

  /** The body from its beginning. The bytes of a whole one are those of all subscribers. */
  get body(): ResponseBody {
    const { whole } = this.#response;
    if (whole === undefined) return this.#body ?? null;
    this.cancel();
    return whole;
  }

  attach(recording: Recording): void {
    if (!this.#hasEnded) this.#body = recording.read(this.#signal, () => this.#end());
  }

  cancel(): void {
    this.#body?.cancel().catch(() => {});
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}
