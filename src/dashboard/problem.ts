import type { SamekeyErrorCode } from '../errors/errors.js';
import type { Problem } from './messages.js';

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request is wrong',
  401: 'The dashboard needs its link',
  403: 'The dashboard refuses the request',
  404: 'There is no such page or record',
  405: 'The method is not allowed',
  409: 'The record cannot be shown',
  414: 'The address is too long',
  421: 'The request is for another host',
  500: 'The dashboard failed',
  503: 'The dashboard cannot answer now',
};

/** A request that gets a problem (RFC 9457) instead of an answer. */
export class DashboardProblem extends Error {
  readonly status: number;
  readonly code: SamekeyErrorCode | 'SAMEKEY_FAULT';
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    detail: string,
    code: SamekeyErrorCode | 'SAMEKEY_FAULT' = 'SAMEKEY_REFUSED',
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  get body(): Problem & { readonly status: number } {
    const { status, message, code } = this;
    return { title: TITLES[status] ?? 'The request failed', status, detail: message, code };
  }
}
