import type { SamekeyErrorCode } from '../errors/errors.js';

/** A failure between a request and its response that neither side sent. */
export class HttpError extends Error {
  /** The name of the class. */
  override readonly name: string = 'HttpError';
  /** Stable identifier of the cause, such as `SAMEKEY_TIMEOUT`. */
  readonly code: SamekeyErrorCode;

  constructor(code: SamekeyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A reader of a long response did not keep up with the others. */
export class SlowReaderError extends HttpError {
  /** The name of the class. */
  override readonly name = 'SlowReaderError';

  constructor(maxUnreadBytes: number) {
    super(
      'SAMEKEY_TOO_SLOW',
      `Cannot continue to read: more than ${maxUnreadBytes} bytes were not read in time, wanted a faster reader or a larger maxUnreadBytes`,
    );
  }
}

/** A response that ended before it was complete. */
export class BrokenResponseError extends HttpError {
  /** The name of the class. */
  override readonly name = 'BrokenResponseError';

  constructor(key: string, what: string) {
    super('SAMEKEY_BROKEN_RESPONSE', `Cannot store the response of ${key}: ${what}`);
  }
}

/** A response that its waiting callers receive, and that is not stored. */
export class ResponseNotKeptError extends HttpError {
  /** The name of the class. */
  override readonly name = 'ResponseNotKeptError';
  /** The HTTP status of the response. */
  readonly status: number;

  constructor(key: string, status: number, why: string, cause?: unknown) {
    super('SAMEKEY_NOT_KEPT', `Cannot store the response of ${key}: ${why}`, cause);
    this.status = status;
  }
}
