import type { SamekeyErrorCode } from '../index.js';
import { printable } from '../text/printable.js';
import { inFlags } from './flag-names.js';

/** The exit codes of the program. */
export const EXIT = {
  ok: 0,
  no: 1,
  usage: 2,
  unreadable: 3,
  invalid: 4,
  fault: 70,
  interrupted: 130,
  brokenPipe: 141,
  terminated: 143,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meaning of each exit code: `samekey --help` and docs/cli.md show it. */
export const EXIT_CODES: readonly (readonly [code: ExitCode, meaning: string])[] = [
  [EXIT.ok, 'success; the keys are equal; no bad key was found'],
  [
    EXIT.no,
    'the answer is no: the keys differ, bad keys or duplicates were found, results are missing',
  ],
  [EXIT.usage, 'the command line is wrong'],
  [
    EXIT.unreadable,
    'a file, a store or a stored result cannot be read, or the output cannot be written',
  ],
  [EXIT.invalid, 'the input is empty, too large or not JSON, or has no key'],
  [EXIT.fault, 'a bug in samekey'],
  [EXIT.interrupted, 'ended by SIGINT (Ctrl-C)'],
  [EXIT.brokenPipe, 'broken pipe (for example | head)'],
  [EXIT.terminated, 'ended by SIGTERM'],
];

/** An error that ends the program with one line on standard error. It names flags, not options of the library. */
export class CliError extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(inFlags(message));
    this.exitCode = exitCode;
  }
}

export function usageError(message: string): CliError {
  return new CliError(EXIT.usage, message);
}

/** The error for an input that can be read but has no key. */
export function invalidInput(name: string, message: string): CliError {
  return new CliError(EXIT.invalid, `${printable(name)}: ${message}`);
}

/** Error codes of the library that are caused by the command line. The input causes all others. */
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
  return message.endsWith('wanted UTF-8') ? '; use --raw for a file that is not text' : '';
}

/** Converts any error into one that ends the program. `name` is the current input. */
export function toCliError(error: unknown, name?: string): CliError {
  if (error instanceof CliError) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  const prefix = name === undefined ? '' : `${name}: `;
  if (typeof code === 'string' && code.startsWith('SAMEKEY_')) {
    return USAGE.has(code as SamekeyErrorCode)
      ? usageError(String(message))
      : new CliError(EXIT.invalid, `${prefix}${message}${hintFor(String(message))}`);
  }
  // A canonical form can be much longer than its JSON text, and exceed V8's limit of a string.
  if (error instanceof RangeError && message === 'Invalid string length') {
    return new CliError(EXIT.invalid, `${prefix}its canonical form is too long to print`);
  }
  return new CliError(EXIT.fault, `${prefix}unexpected ${String(error)}; please report this`);
}
