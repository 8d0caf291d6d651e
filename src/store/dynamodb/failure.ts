import { fail, type SamekeyErrorCode } from '../../errors/errors.js';

/** The table that a call was about, for messages. */
export interface TableName {
  readonly table: string;
  readonly keyAttribute: string;
  /** `in eu-west-1`, or `at http://localhost:8000`. */
  readonly place: string;
}

interface AwsError extends Error {
  readonly code?: unknown;
  readonly errors?: readonly { readonly code?: unknown }[];
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
}

const CREDENTIALS =
  /^(?:AccessDenied|UnrecognizedClient|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|NotAuthorized|CredentialsProvider)/;
const THROTTLED =
  /^(?:ProvisionedThroughputExceeded|Throttling|RequestLimitExceeded|LimitExceeded|TooManyRequests)/;
/** How DynamoDB says that an item has other keys than the table. */
const OTHER_KEY = /key element does not match|missing the key|type mismatch for key/i;

/** The key that a table must have, as `CreateTable` takes it. */
const wantedKey = (name: string) =>
  `AttributeDefinitions [{"AttributeName":"${name}","AttributeType":"S"}] and KeySchema [{"AttributeName":"${name}","KeyType":"HASH"}]`;

/**
 * Throws the error for a failed request. It says which table, where, and what is wanted, and shows
 * no message of the server that may contain a signature or a session token.
 */
export function throwFailure(error: unknown, { table, keyAttribute, place }: TableName): never {
  const { name, message, $metadata = {} } = error as AwsError;
  const at = `the table "${table}" ${place}`;
  if (name === 'ResourceNotFoundException') {
    fail(
      ReferenceError,
      'SAMEKEY_NO_TABLE',
      `Cannot use ${at}: it is not there, wanted a table with ${wantedKey(keyAttribute)} (store.schema), in this account and region`,
    );
  }
  if (name === 'ValidationException' && OTHER_KEY.test(message)) {
    fail(
      ReferenceError,
      'SAMEKEY_NO_TABLE',
      `Cannot use ${at}: it has another key, wanted a table with ${wantedKey(keyAttribute)}, or the option keyAttribute`,
    );
  }
  if (name === 'ValidationException' && /item size/i.test(message)) {
    fail(
      RangeError,
      'SAMEKEY_STORE_FULL',
      `Cannot write to ${at}: the record is larger than an item can be, wanted at most 400 KB with the result that it replaces`,
    );
  }
  if (CREDENTIALS.test(name)) {
    const { requestId } = $metadata;
    const [action = 'dynamodb:GetItem and dynamodb:PutItem'] =
      /dynamodb:[A-Za-z]+/.exec(message) ?? [];
    const which = [name, requestId && `request ${requestId}`].filter(Boolean).join(', ');
    // No cause: the message of a signature error contains the session token.
    throw withCode(
      name,
      `Cannot use ${at}: the credentials were refused (${which}), wanted credentials that may call ${action} on it`,
    );
  }
  if (THROTTLED.test(name)) {
    throw withCode(
      name,
      `Cannot use ${at}: the request was throttled (${name}), wanted more capacity, on-demand billing, or fewer calls`,
      error,
    );
  }
  if ($metadata.httpStatusCode === undefined && name !== 'ValidationException') {
    const code = systemCodeOf(error);
    if (code !== undefined) {
      throw withCode(code, `Cannot reach ${at}: ${code}, wanted an answer of DynamoDB`, error);
    }
  }
  if (error instanceof Error && message === '') {
    throw withCode(name, `Cannot use ${at}: ${name}, wanted an answer of DynamoDB`, error);
  }
  throw error;
}

/** A host with several addresses gives an error without a message, with one error per address. */
function systemCodeOf(error: unknown): string | undefined {
  const { code, errors, name } = error as AwsError;
  const found = code ?? errors?.find((each) => each.code !== undefined)?.code;
  if (typeof found === 'string') return found;
  return name === 'TimeoutError' ? name : undefined;
}

function withCode(code: string | SamekeyErrorCode, message: string, cause?: unknown): Error {
  const error = cause === undefined ? new Error(message) : new Error(message, { cause });
  return Object.assign(error, { code });
}
