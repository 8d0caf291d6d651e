import type { SamekeyErrorCode } from '../errors/errors.js';

/** What is wrong between a request and its response, where neither side sent it. */
export class HttpError extends Error {
  override readonly name: string = 'HttpError';
  readonly code: SamekeyErrorCode;

  constructor(code: SamekeyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** A reader of a long response did not keep up with the others. */
export class SlowReaderError extends HttpError {
  override readonly name = 'SlowReaderError';

  constructor(maxUnreadBytes: number) {
    super(
      'SAMEKEY_TOO_SLOW',
      `Cannot read on: more than ${maxUnreadBytes} bytes were not read in time, wanted a faster reader or a larger maxUnreadBytes`,
    );
  }
}

/** A response that ended, but not as a whole one does. */
export class BrokenResponseError extends HttpError {
  override readonly name = 'BrokenResponseError';

  constructor(key: string, what: string) {
    super('SAMEKEY_BROKEN_RESPONSE', `Cannot keep the response of ${key}: ${what}`);
  }
}

/** A response that is given to those who wait for it, and not kept. */
export class ResponseNotKeptError extends HttpError {
  override readonly name = 'ResponseNotKeptError';
  readonly status: number;

  constructor(key: string, status: number, why: string) {
    super('SAMEKEY_NOT_KEPT', `Cannot keep the response of ${key}: ${why}`);
    this.status = status;
  }
}
