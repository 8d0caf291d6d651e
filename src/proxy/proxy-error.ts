import type { SamekeyErrorCode } from '../errors/errors.js';

/** Why a request has no answer of the upstream, and what its client is told instead. */
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
