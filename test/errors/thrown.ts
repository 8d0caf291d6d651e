import { expect } from 'vitest';
import type { SamekeyError, SamekeyErrorCode } from '../../src/index.js';

interface Expected {
  readonly code: SamekeyErrorCode;
  readonly path?: string;
  readonly position?: number;
  readonly message?: RegExp | string;
}

type ErrorClass = new (...args: never[]) => Error;

/** Checks the exact class, the members and the message of an error. A message has one line. */
export function expectError(error: unknown, Class: ErrorClass, expected: Expected): void {
  const got = error as SamekeyError;
  expect({ class: got?.constructor?.name, code: got?.code, message: got?.message }).toEqual({
    class: Class.name,
    code: expected.code,
    message: expect.stringMatching(/^Cannot [^\n\r]+$/),
  });
  if ('path' in expected) expect(got.path).toBe(expected.path);
  if ('position' in expected) expect(got.position).toBe(expected.position);
  if (expected.message instanceof RegExp) expect(got.message).toMatch(expected.message);
  else if (expected.message !== undefined) expect(got.message).toBe(expected.message);
}

/** Returns the error that `act` throws. */
export function thrownBy(act: () => unknown): unknown {
  let result: unknown;
  try {
    result = act();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown, the result is ${String(result).slice(0, 200)}`);
}

/** Checks that `act` throws this error. */
export function expectThrown(act: () => unknown, Class: ErrorClass, expected: Expected): void {
  expectError(thrownBy(act), Class, expected);
}

/** Checks that `promise` rejects with this error. */
export async function expectRejected(
  promise: Promise<unknown>,
  Class: ErrorClass,
  expected: Expected,
): Promise<void> {
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome?.status !== 'rejected') throw new Error('nothing was rejected');
  expectError(outcome.reason, Class, expected);
}
