import { nameOf } from '../errors/errors.js';
import { membersOf } from '../providers/failure.js';
import { readCustomId } from './item.js';
import { type BatchOutcome, outcomeOf } from './outcome.js';

/** A result and the text that is stored. */
export interface ResultText {
  /** `undefined` for a malformed line that names no request. */
  readonly customId: string | undefined;
  /** The members of the result except `custom_id`, as JSON. */
  readonly text: string;
  readonly outcome: BatchOutcome;
  /** Whether the line is not a result. Its request is released, and nothing is stored. */
  readonly isMalformed: boolean;
}

const WANTED = "wanted a line of a batch's results";

/**
 * Reads a result: a parsed line, or a line as text. Returns `undefined` for a blank line. A malformed
 * line is a value and not an exception, because it costs only its own result.
 */
export function readResult(given: unknown, index: number, source?: string): ResultText | undefined {
  const isText = typeof given === 'string';
  const name = isText ? `line ${index + 1}` : `the result ${index}`;
  const label = source === undefined ? name : `${name} of ${source}`;
  let value = given;
  if (isText) {
    const line = index === 0 ? given.replace(/^\ufeff/, '') : given;
    if (/^[ \t\r\n]*$/.test(line)) return undefined;
    try {
      value = JSON.parse(line);
    } catch {
      return malformedLine(line, `Cannot record ${label}: it is not JSON, ${WANTED}`);
    }
  }
  const { custom_id: customId, ...rest } = membersOf(value);
  const outcome = outcomeOf(rest);
  if (typeof customId === 'string' && outcome !== undefined) {
    return { customId, text: JSON.stringify(rest), outcome, isMalformed: false };
  }
  const kind = typeof value === 'object' && value !== null ? ' of another kind' : '';
  const reason = `Cannot record ${label}: it is ${nameOf(value)}${kind}, ${WANTED}`;
  return malformedResult(typeof customId === 'string' ? customId : undefined, reason);
}

/** The malformed line `text`, for the request that it names. */
export function malformedLine(text: string, reason: string): ResultText {
  return malformedResult(customIdIn(text), reason);
}

function malformedResult(customId: string | undefined, reason: string): ResultText {
  const error = Object.assign(new TypeError(reason), { code: 'SAMEKEY_BAD_ARGUMENT' });
  return { customId, text: '', outcome: { outcome: 'errored', error }, isMalformed: true };
}

/** Inside a string the quotes would be escaped. */
const MEMBER = /"custom_id"\s*:\s*"([^"\\]{1,64})"/g;

/** The one `custom_id` of an item in a line that may have been cut off; `undefined` if there are several. */
function customIdIn(text: string): string | undefined {
  const ids = new Set<string>();
  for (const [, id = ''] of text.matchAll(MEMBER)) if (readCustomId(id)) ids.add(id);
  const [first, ...others] = ids;
  return others.length === 0 ? first : undefined;
}
