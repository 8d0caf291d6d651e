import { fail } from '../../errors/errors.js';
import { own } from '../../options/own.js';
import { isRecord } from '../record-check.js';
import type { StoredRecord } from '../transition.js';

/**
 * The former records of a running one as JSON, without what stays in columns of the row: the
 * fencing token, and the result of the finished record at the end.
 */
export function formerJson(former: StoredRecord | undefined): string | undefined {
  if (former === undefined) return undefined;
  return JSON.stringify(former, (name, value) => (HIDDEN.has(name) ? undefined : value));
}

const HIDDEN: ReadonlySet<string> = new Set(['fencingToken', 'finishedAtMs', 'codec', 'payload']);

/** Returns the former records as `formerJson` wrote them. Their results are not known. */
export function parseFormer(text: string, fencingToken: number): StoredRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    refuseRecord('has a former record that is no JSON');
  }
  return toStored(parsed, fencingToken);
}

function toStored(value: unknown, fencingToken: number): StoredRecord {
  const given = (value ?? {}) as Partial<StoredRecord>;
  const { former: _, ...rest } = given;
  const [former, fingerprint] = [own(given, 'former'), own(given, 'fingerprint')];
  const record = { ...rest, fencingToken, fingerprint, ...NO_RESULT } as StoredRecord;
  if (!isRecord(record)) refuseRecord('has a former record of another kind');
  return former === undefined ? record : { ...record, former: toStored(former, fencingToken) };
}

const NO_RESULT = { finishedAtMs: undefined, codec: undefined, payload: undefined };

export function isState(value: unknown): value is StoredRecord['state'] {
  return value === 'running' || value === 'done' || value === 'failed';
}

export function refuseRecord(what: string): never {
  return fail(
    SyntaxError,
    'SAMEKEY_BAD_STATE',
    `Cannot read a record in MySQL: it ${what}, wanted a table that only this version of the store writes`,
  );
}
