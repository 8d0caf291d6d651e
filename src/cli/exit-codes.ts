import type { SamekeyErrorCode } from '../index.js';
import { printable } from './terminal.js';

/** What the program ends with. */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  unreadable: 3,
  invalid: 4,
  fault: 70,
  brokenPipe: 141,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The same for people: `samekey --help` and the README show it. */
export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.ok, 'done; the keys are equal; no bad key was found'],
  [EXIT.no, 'the answer is no: the keys differ, or bad keys were found'],
  [EXIT.usage, 'the command line is wrong'],
  [EXIT.unreadable, 'a file or a store cannot be read, or the output cannot be written'],
  [EXIT.invalid, 'the input is empty, too large, not JSON, or has no key'],
  [EXIT.fault, 'a fault in samekey itself'],
  [EXIT.brokenPipe, 'whoever read the output has gone, as with head'],
];

/** Ends the program with one line on standard error. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, message);
}

/** An input that was read and has no key. */
export function invalidInput(name: string, message: string): CliError {
  return new CliError(EXIT.invalid, `${printable(name)}: ${message}`);
}

/** Codes that blame what was typed; the others blame the input. */
const USAGE: ReadonlySet<SamekeyErrorCode> = new Set([
  'SAMEKEY_BAD_ARGUMENT',
  'SAMEKEY_BAD_IDENTITY',
  'SAMEKEY_BAD_PATH',
  'SAMEKEY_BAD_SCOPE',
  'SAMEKEY_BAD_UUID',
  'SAMEKEY_ENGINE_UNAVAILABLE',
  'SAMEKEY_NO_POOL',
]);

function hintFor(message: string): string {
  return message.endsWith('wanted UTF-8') ? '; a file that is not text wants --raw' : '';
}

/** Any error as one that ends the program; `name` is the input that was being worked on. */
export function toCliError(error: unknown, name?: string): CliError {
  if (error instanceof CliError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const where = name === undefined ? '' : `${name}: `;
  if (typeof code === 'string' && code.startsWith('SAMEKEY_')) {
    return USAGE.has(code as SamekeyErrorCode)
      ? usageError(String(message))
      : new CliError(EXIT.invalid, `${where}${message}${hintFor(String(message))}`);
  }
  // V8's limit, reached by a canonical form that is much longer than its JSON text.
  if (error instanceof RangeError && message === 'Invalid string length') {
    return new CliError(EXIT.invalid, `${where}its canonical form is too long to be shown`);
  }
  return new CliError(EXIT.fault, `${where}unexpected ${String(error)}; please report this`);
}
