import { keyIdOf, SEALED_CODEC } from '../once/sealed.js';
import { responseCodec } from '../response/stored-response.js';
import type { StoreEntry, StoreRecord } from '../store/store.js';
import { isUnknown } from '../store/transition.js';
import { grouped } from '../text/counted.js';
import { duration } from '../text/duration.js';
import { printable } from '../text/printable.js';
import type { Style } from './terminal.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The state to show. A running record whose lease has expired has an unknown outcome. */
function stateOf(record: StoreRecord, nowMs: number): string {
  return isUnknown(record, nowMs) ? 'unknown' : record.state;
}

/** Their payloads are bytes, also where these happen to be UTF-8. */
const BINARY_CODECS: ReadonlySet<string | undefined> = new Set([SEALED_CODEC, responseCodec.name]);

/** The payload as text, if it is UTF-8. */
function textOf({ codec, payload }: StoreRecord): string | undefined {
  try {
    return BINARY_CODECS.has(codec) ? undefined : payload && decoder.decode(payload);
  } catch {
    return undefined;
  }
}

/** The id of the key that encrypted the payload. */
const keyIdIn = ({ codec, payload }: StoreRecord) =>
  codec === SEALED_CODEC && payload !== undefined ? keyIdOf(payload) : undefined;

/** A record as one line of JSON. */
export function recordJson({ key, record }: StoreEntry, nowMs: number): string {
  const { payload, ...rest } = record;
  const text = textOf(record);
  const json = JSON.stringify({
    key,
    ...rest,
    state: stateOf(record, nowMs),
    keyId: keyIdIn(record),
    payloadBytes: payload?.length,
    payload: text,
    payloadBase64:
      payload !== undefined && text === undefined
        ? Buffer.from(payload).toString('base64')
        : undefined,
  });
  // JSON leaves some characters as they are that control a terminal. Their escapes mean the same.
  return printable(json);
}

/** Records as a table. `nowMs` is the time of the store. */
export function recordTable(entries: readonly StoreEntry[], nowMs: number, style: Style): string {
  const rows = [
    ['KEY', 'STATE', 'ATTEMPT', 'AGE', 'EXPIRES IN', 'BYTES'],
    ...entries.map(({ key, record }) => [
      printable(key),
      stateOf(record, nowMs),
      String(record.attempt),
      duration(nowMs - (record.finishedAtMs ?? record.claimedAtMs)),
      duration(record.expiresAtMs - nowMs),
      record.payload === undefined ? '-' : grouped(record.payload.length),
    ]),
  ];
  const widths = [0, 1, 2, 3, 4].map((i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const width = widths.reduce((sum, each) => sum + each + 2, 'BYTES'.length);
  const isNarrow = width > (style.columns ?? Number.POSITIVE_INFINITY);
  return rows
    .map((row, i) => {
      const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
      // A key is there to be copied, so it is never cut. Where a row is too narrow, it has its own line.
      const text = isNarrow
        ? `${row[0]}\n  ${cells.slice(1).join('  ').trimEnd()}`
        : cells.join('  ').trimEnd();
      return `${i === 0 ? style.paint('dim', text) : text}\n`;
    })
    .join('');
}

/** All fields of one record, as text. */
export function recordView({ key, record }: StoreEntry, nowMs: number, style: Style): string {
  const at = (ms: number | undefined) =>
    ms === undefined ? undefined : `${new Date(ms).toISOString()} (${relative(ms - nowMs)})`;
  const rows: [string, string | undefined][] = [
    ['key', key],
    ['state', stateOf(record, nowMs)],
    ['owner', record.owner],
    ['attempt', String(record.attempt)],
    ['fencing token', String(record.fencingToken)],
    ['fingerprint', record.fingerprint],
    ['claimed', at(record.claimedAtMs)],
    ['finished', at(record.finishedAtMs)],
    ['lease ends', record.state === 'running' ? at(record.leaseEndsAtMs) : undefined],
    ['expires', at(record.expiresAtMs)],
    ['codec', record.codec],
    ['encrypted with', keyIdIn(record)],
    ['payload', payloadView(record)],
  ];
  return rows
    .filter((row): row is [string, string] => row[1] !== undefined)
    .map(([name, value]) => `${style.paint('dim', name.padEnd(15))}${printable(value)}\n`)
    .join('');
}

function payloadView(record: StoreRecord): string | undefined {
  const { payload } = record;
  if (payload === undefined) return undefined;
  const text = textOf(record);
  const size = `${grouped(payload.length)} ${payload.length === 1 ? 'byte' : 'bytes'}`;
  return text === undefined || text === '' ? size : `${size}: ${text}`;
}

const relative = (ms: number) => (ms < 0 ? `${duration(-ms)} ago` : `in ${duration(ms)}`);
