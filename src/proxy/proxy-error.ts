import type { SamekeyErrorCode } from '../errors/errors.js';

/** A request that gets no response from the upstream. Its client receives a problem with this status and code. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
  readonly status: number;
  readonly code: SamekeyErrorCode;

  constructor(status: number, code: SamekeyErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
  }
}
