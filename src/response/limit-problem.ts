import type { LimitError } from '../once/errors.js';

/** SDKs that wait for longer than this try again at once instead. */
const LONGEST_WAIT_SECONDS = 60;

/** How a client learns which limit it has reached, and when to try again. */
export interface LimitNotice {
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Returns what a client receives after a `LimitError`: a message without the internal key, `Retry-After`
 * (RFC 9110 §10.2.3), and the fields of draft-ietf-httpapi-ratelimit-headers-11.
 */
export function limitNotice({ reached, reason, retryAfterSeconds }: LimitError): LimitNotice {
  const { name, limit, unit, windowSeconds } = reached;
  const parameters = [
    `q=${limit}`,
    ...(unit === undefined ? [] : [`qu="${unit}"`]),
    ...(windowSeconds === undefined ? [] : [`w=${windowSeconds}`]),
  ];
  const time = windowSeconds === undefined ? '' : `;t=${retryAfterSeconds}`;
  return {
    detail: `Cannot process the request: ${reason}`,
    headers: {
      'retry-after': `${retryAfterSeconds}`,
      'ratelimit-policy': `"${name}";${parameters.join(';')}`,
      ratelimit: `"${name}";r=0${time}`,
      'x-should-retry': `${retryAfterSeconds <= LONGEST_WAIT_SECONDS}`,
    },
  };
}
