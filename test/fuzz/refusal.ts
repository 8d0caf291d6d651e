/** Results and errors of a reader, in a form that can be compared. */
import assert from 'node:assert/strict';
import type { SamekeyError } from '../../src/index.js';

export type Outcome<T> = { readonly value: T } | { readonly error: Described };

export interface Described {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly path: string | undefined;
  readonly position: number | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
}

/** Any other error is a finding: it is thrown on. */
export function described(error: unknown): Described {
  const { code, path, position, line, column } = (error ?? {}) as Partial<SamekeyError>;
  if (!(error instanceof Error) || !/^SAMEKEY_[A-Z_]+$/.test(String(code))) throw error;
  assert.match(error.message, /^Cannot [^\n\r]+$/);
  return {
    name: error.name,
    code: String(code),
    message: error.message,
    path,
    position,
    line,
    column,
  };
}

/** Returns what `read` returns, or its error if that is one of samekey. */
export function outcomeOf<T>(read: () => T): Outcome<T> {
  try {
    return { value: read() };
  } catch (error) {
    return { error: described(error) };
  }
}

/** Checks that an error points into the text: not behind its end, and to a line that it has. */
export function expectInside(error: Described, byteCount: number, lineCount: number): void {
  const { position = 0, line = 1, column = 1 } = error;
  assert.ok(Number.isInteger(position) && position >= 0 && position <= byteCount, error.message);
  assert.ok(line >= 1 && line <= lineCount, error.message);
  assert.ok(column >= 1 && column <= byteCount + 1, error.message);
}
