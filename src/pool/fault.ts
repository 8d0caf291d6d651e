import type { SamekeyError } from '../errors/errors.js';
import type { Fault, Work } from './batch.js';

/** How an error's message begins; what follows names the fault. */
const ACTION = /^Cannot .*?: /s;

const CLASSES: Record<string, new (message: string) => Error> = {
  SyntaxError,
  RangeError,
  TypeError,
};

/** samekey's own error as plain data; any other is no fault of the text and is thrown again. */
export function toFault(item: number, error: unknown): Fault {
  const { name, message, ...details } = error as Error & { code?: unknown };
  if (!String(details.code).startsWith('SAMEKEY_')) throw error;
  return { item, name, message, details };
}

export function lineTooLong(item: number, { maxLineBytes }: Work): Fault {
  return {
    item,
    name: 'RangeError',
    message: `Cannot read it: it is too long, wanted at most ${maxLineBytes} bytes`,
    details: { code: 'SAMEKEY_TOO_LONG' },
  };
}

function toError({ name, message, details }: Fault, what: string): SamekeyError {
  const { path, line } = details as Partial<SamekeyError>;
  const at = path !== undefined && line === undefined ? ` at ${JSON.stringify(path)}` : '';
  const Class = CLASSES[name] ?? Error;
  const error = new Class(`Cannot make a key of ${what}${at}: ${message.replace(ACTION, '')}`);
  return Object.assign(error, details as Pick<SamekeyError, 'code'>);
}

/** What `keyOfJson` threw for a line of a stream, whose number from 1 is its `line`. */
export function toLineError(fault: Fault, line: number): SamekeyError {
  const { column } = fault.details;
  const what = `line ${line}${column === undefined ? '' : `, column ${column}`}`;
  return Object.assign(toError(fault, what), { line });
}

/** What `keyOfJson` threw for a text of a list, counted from 0; the text may have many lines. */
export function toTextError(fault: Fault, index: number): SamekeyError {
  const { line, column } = fault.details;
  const what = `text ${index}${line === undefined ? '' : `, line ${line}, column ${column}`}`;
  return toError(fault, what);
}
