/** Which headers say who sends a request, by their names. Each API has names of its own. */
import { isIgnored } from './ignored-headers.js';

/** Names of headers that may hold a credential. A number of tokens is not a credential. */
export const SECRET_NAME =
  /auth|cookie|credential|csrf|jwt|passw|secret|session|signature|xsrf|token(?!s)|api-?key/i;

/** Names of more headers with a key or a certificate, such as `ocp-apim-subscription-key`. */
const KEY_NAME = /(?:^|[-_])key$|cert(?:$|[^a-z]|ificate)/i;
/** Names of headers that say for whom a request is, such as `openai-organization` or `stripe-account`. */
const OWNER_NAME =
  /account|client-?id|company|consumer|customer|identity|merchant|organi[sz]ation|(?:^|-)org(?:-|$)|partner|principal|project|realm|subscription|team|tenant|user(?!-?agent)|workspace/i;
/**
 * They differ at each attempt: signatures with a time in them, such as that of a webhook, and proofs that no
 * robot and no other page has sent the request.
 */
const ONE_TIME_NAME = /captcha|csrf|forgery|idempot|nonce|signature|turnstile|verification|xsrf/i;

const isSender = (name: string) =>
  (SECRET_NAME.test(name) || KEY_NAME.test(name) || OWNER_NAME.test(name)) &&
  !ONE_TIME_NAME.test(name) &&
  !isIgnored(name);

/** The answers for names that were seen: clients send few names with each request. */
const answers = new Map<string, boolean>();
const MAX_ANSWERS = 1000;

/** Whether the value of a header may tell two senders apart. */
export function tellsSender(name: string): boolean {
  const known = answers.get(name);
  if (known !== undefined) return known;
  const answer = isSender(name);
  if (answers.size === MAX_ANSWERS) answers.clear();
  answers.set(name, answer);
  return answer;
}
