import type { SamekeyError } from '../errors/errors.js';
import type { Fault, Work } from './batch.js';

/** The beginning of an error message, before the description of the fault. */
const ACTION = /^Cannot .*?: /s;

const CLASSES: Record<string, new (message: string) => Error> = {
  SyntaxError,
  RangeError,
  TypeError,
};

/**
 * Returns an error of samekey as plain data. Throws any other error again: the text did not cause
 * it.
 */
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

/** Returns the error of `keyOfJson` for a line of a stream; its `line` counts from 1. */
export function toLineError(fault: Fault, line: number): SamekeyError {
  const { column } = fault.details;
  const what = `line ${line}${column === undefined ? '' : `, column ${column}`}`;
  return Object.assign(toError(fault, what), { line });
}

/**
 * Returns the error of `keyOfJson` for a text of a list, which may have many lines; indexes start
 * at 0.
 */
export function toTextError(fault: Fault, index: number): SamekeyError {
  const { line, column } = fault.details;
  const what = `text ${index}${line === undefined ? '' : `, line ${line}, column ${column}`}`;
  return toError(fault, what);
}
