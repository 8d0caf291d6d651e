import type { Judgement } from './answer.js';
import { headerIn, type ResponseData } from './response-data.js';

/** Compares the length of a body with its `content-length`. */
export class LengthCheck {
  readonly #expectedBytes: number | undefined;
  #byteCount = 0;

  /** @param isCoded Whether the body is still in its `content-encoding`. */
  constructor({ headers, hidesCoding }: ResponseData, isCoded: boolean) {
    // `content-length` counts the coded bytes, and this sees decoded ones.
    const isDecoded =
      !isCoded && (hidesCoding === true || headerIn(headers, 'content-encoding') !== null);
    const length = isDecoded ? '' : (headerIn(headers, 'content-length') ?? '');
    if (/^\d+$/.test(length)) this.#expectedBytes = Number(length);
  }

  see(chunk: Uint8Array): void {
    this.#byteCount += chunk.length;
  }

  end(): Judgement | undefined {
    if ((this.#expectedBytes ?? this.#byteCount) === this.#byteCount) return undefined;
    const why = `its body has ${this.#byteCount} bytes, its content-length says ${this.#expectedBytes}`;
    return { verdict: 'broken', why };
  }
}
