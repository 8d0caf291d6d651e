import type { Judgement } from './answer.js';
import { headerIn, type ResponseData } from './response-data.js';

/**
 * Returns the number of bytes of a body by its `content-length`; `undefined` if it does not say that.
 *
 * @param isCoded Whether the body is still in its `content-encoding`.
 */
function declaredBytes(
  { headers, hidesCoding }: ResponseData,
  isCoded: boolean,
): number | undefined {
  // `content-length` counts the coded bytes, and the body is decoded.
  if (!isCoded && (hidesCoding === true || headerIn(headers, 'content-encoding') !== null)) {
    return undefined;
  }
  const length = headerIn(headers, 'content-length') ?? '';
  return /^\d+$/.test(length) ? Number(length) : undefined;
}

/** Compares the length of a body with its `content-length`. */
export class LengthCheck {
  readonly #expectedBytes: number | undefined;
  #byteCount = 0;

  /** @param isCoded Whether the body is still in its `content-encoding`. */
  constructor(response: ResponseData, isCoded: boolean) {
    this.#expectedBytes = declaredBytes(response, isCoded);
  }

  see({ length }: { readonly length: number }): void {
    this.#byteCount += length;
  }

  end(): Judgement | undefined {
    if ((this.#expectedBytes ?? this.#byteCount) === this.#byteCount) return undefined;
    const why = `its body has ${this.#byteCount} bytes, its content-length says ${this.#expectedBytes}`;
    return { verdict: 'broken', why };
  }
}
