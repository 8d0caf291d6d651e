import { expect, it } from 'vitest';
import { recordJson, recordTable, recordView } from '../../src/cli/store-view.js';
import { responseCodec } from '../../src/response/stored-response.js';
import type { StoreEntry, StoreRecord } from '../../src/store/store.js';

const KEY = `ik_${'0123456789abcdef'.repeat(4)}`;
const entry = {
  key: KEY,
  record: {
    state: 'done',
    attempt: 1,
    claimedAtMs: 0,
    finishedAtMs: 1000,
    expiresAtMs: 90_000,
    payload: new Uint8Array(1234),
  },
} as unknown as StoreEntry;

const tableOf = (columns: number | undefined) =>
  recordTable([entry], 11_000, { columns, paint: (_, text) => text }).split('\n');

it('a key in a table is never cut: it has its own line where the terminal is too narrow', () => {
  const wide = tableOf(undefined);
  expect(wide[0]).toMatch(/^KEY +STATE {2}ATTEMPT {2}AGE +EXPIRES IN {2}BYTES$/);
  expect(wide[1]).toMatch(new RegExp(`^${KEY} {2}done +1 +10 s +1 min 19 s +1,234$`));
  const width = wide[0]?.length as number;
  expect(tableOf(width)).toEqual(wide);
  for (const columns of [width - 1, 40]) {
    expect(tableOf(columns)).toEqual([
      'KEY',
      '  STATE  ATTEMPT  AGE   EXPIRES IN  BYTES',
      KEY,
      '  done   1        10 s  1 min 19 s  1,234',
      '',
    ]);
  }
});

it.each([0, 60, 61, 62, 100, 200, 300])(
  'a response is bytes in JSON, and no text, with a status text of %i bytes',
  (byteCount) => {
    const head = { status: 200, statusText: 'x'.repeat(byteCount), headers: [], url: '' };
    const body = new TextEncoder().encode('body');
    const payload = responseCodec.encode({ ...head, body }) as Uint8Array;
    const record = { ...entry.record, codec: 'http-response', payload } as unknown as StoreRecord;
    const json = JSON.parse(recordJson({ key: KEY, record }, 11_000));
    expect(json).not.toHaveProperty('payload');
    expect(json.payloadBase64).toBe(Buffer.from(payload).toString('base64'));
    const view = recordView({ key: KEY, record }, 11_000, {
      columns: undefined,
      paint: (_: unknown, text: string) => text,
    });
    expect(view).toMatch(new RegExp(`^payload +${payload.length} bytes$`, 'm'));
    expect(view).not.toContain('body');
  },
);

it('a key or a result cannot control the terminal', () => {
  const hostile = '\u001b[2J\u009b31m\u202e\u2028\n';
  const foreign = {
    key: hostile,
    record: { ...entry.record, payload: new TextEncoder().encode(hostile) },
  } as unknown as StoreEntry;
  const json = recordJson(foreign, 11_000);
  expect(JSON.parse(json)).toMatchObject({ key: hostile, payload: hostile });
  const plain = { columns: undefined, paint: (_: unknown, text: string) => text };
  for (const text of [json, recordTable([foreign], 11_000, plain).replaceAll('\n', '')]) {
    expect(text).toContain('\\u001b');
    expect(text).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
  }
});
