import { describe, expect, it, vi } from 'vitest';
import { fromFrame, fromHead, toFrame } from '../../src/store/durable-object/frame.js';
import { fromItem, type Item, toAttributes } from '../../src/store/dynamodb/item.js';
import { formerJson, parseFormer } from '../../src/store/mysql/former.js';
import { fromOneLine, toOneLine } from '../../src/store/one-line.js';
import { payloadIn } from '../../src/store/postgres/payload.js';
import { isRecord, requireRecord } from '../../src/store/record-check.js';
import { toRecord } from '../../src/store/redis/record-text.js';
import type { StoreRecord } from '../../src/store/store.js';

const encoder = new TextEncoder();
const RECORD: StoreRecord = {
  state: 'done',
  owner: 'o',
  fencingToken: 7,
  attempt: 1,
  fingerprint: 'f',
  claimedAtMs: 1,
  leaseEndsAtMs: 2,
  expiresAtMs: 3,
  finishedAtMs: 4,
  codec: 'json',
  payload: encoder.encode('{}'),
};

const badState = (act: () => unknown, message: RegExp) =>
  expect(act).toThrow(
    expect.objectContaining({
      name: 'SyntaxError',
      code: 'SAMEKEY_BAD_STATE',
      message: expect.stringMatching(message),
    }),
  );

describe('a record that another program has written', () => {
  it.each([
    ['state', 'paused'],
    ['owner', 7],
    ['fencingToken', Number.NaN],
    ['attempt', '1'],
    ['claimedAtMs', undefined],
    ['leaseEndsAtMs', Number.NaN],
    ['expiresAtMs', Number.POSITIVE_INFINITY],
    ['finishedAtMs', Number.NaN],
    ['fingerprint', null],
    ['codec', 1],
    ['payload', '{}'],
  ])('has no other type: %s %s', (name, value) => {
    expect(isRecord(RECORD)).toBe(true);
    const record = { ...RECORD, [name]: value } as StoreRecord;
    expect(isRecord(record)).toBe(false);
    badState(
      () => requireRecord(record, 'SQLite'),
      /^Cannot read a row in SQLite: it is no record of samekey, wanted a table that only samekey writes$/,
    );
  });

  it('is refused in a text of a line, which is JSON if it has quotation marks', () => {
    for (const text of ['', 'a', '"', '"a"', 'a\n', '\ud800', '\0']) {
      expect(fromOneLine(toOneLine(text))).toBe(text);
    }
    for (const text of ['"', '"a', '"a"b', '"\\ud8"']) {
      badState(() => fromOneLine(text), /^Cannot read the text ".*" in the store: its quotation/);
    }
  });

  it.each([
    ['a time that is no number', 'done\no\n7\n1\nf\n1\nsoon\n3\n4\njson\n{}'],
    ['a token that is no number', 'done\no\nx\n1\nf\n1\n2\n3\n4\njson\n{}'],
    ['a fingerprint that is cut off', 'done\no\n7\n1\n"f\n1\n2\n3\n4\njson\n{}'],
    ['no time', 'done\no\n7\n1\nf\n1\n2\n\n4\njson\n{}'],
    ['another state', 'gone\no\n7\n1\nf\n1\n2\n3\n4\njson\n{}'],
    ['too few lines', 'done\no\n7\n1\nf\n1\n2\n3\n4\njson'],
  ])('is refused in Redis: %s', (_, text) => {
    const right = encoder.encode('done\no\n7\n1\nf\n1\n2\n3\n4\njson\n{}');
    expect(toRecord(right)).toEqual(RECORD);
    badState(() => toRecord(encoder.encode(text)), /^Cannot read the (?:value in Redis|text)/);
  });

  it('is refused in a Durable Object, and so is a body that is no list', () => {
    const head: unknown[] = [1, 'done', 'o', 7, 1, 1, 2, 3, 'f', 4, 'json'];
    expect(fromHead(head, RECORD.payload)).toEqual(RECORD);
    const wrong = [
      [2, 7],
      [3, '7'],
      [6, null],
      [8, {}],
      [10, 1],
    ] as const;
    for (const [at, value] of wrong) {
      badState(() => fromHead(head.with(at, value)), /^Cannot read the row in samekey_records: it/);
    }
    const frame = toFrame(['ok'], [encoder.encode('x')]);
    expect(fromFrame(frame.buffer)).toEqual({ head: ['ok'], payload: encoder.encode('x') });
    const bodies = [
      new Uint8Array(),
      Uint8Array.of(1, 0),
      Uint8Array.of(9, 0, 0, 0, 0x5b, 0x5d),
      encoder.encode('error code: 1101'),
      toFrame(null),
      toFrame({ 0: 'ok' }),
    ];
    for (const body of bodies) {
      badState(() => fromFrame(body.buffer), /^Cannot read a body of \d+ bytes: it does not begin/);
    }
  });

  it('is refused behind a record in MySQL', () => {
    const { payload: _, finishedAtMs, codec, ...former } = RECORD;
    const text = formerJson(RECORD) as string;
    const missing = { finishedAtMs: undefined, codec: undefined, payload: undefined };
    expect([finishedAtMs, codec]).toEqual([4, 'json']);
    expect(parseFormer(text, 7)).toEqual({ ...former, ...missing });
    for (const [name, value] of [
      ['fingerprint', 1],
      ['owner', null],
      ['expiresAtMs', '3'],
    ] as const) {
      const changed = JSON.stringify({ ...JSON.parse(text), [name]: value });
      badState(() => parseFormer(changed, 7), /a former record of another kind/);
    }
  });

  it('is refused in PostgreSQL, where a payload is hexadecimal digits', () => {
    for (const hasBuffer of [true, false]) {
      // The platforms without `Buffer` read the digits in plain TypeScript.
      const read = (value: unknown) => {
        if (!hasBuffer) vi.stubGlobal('Buffer', undefined);
        try {
          return payloadIn(value);
        } finally {
          vi.unstubAllGlobals();
        }
      };
      expect(read('00fFa1')).toEqual(Uint8Array.of(0, 255, 0xa1));
      expect(read(null)).toBeUndefined();
      for (const value of ['a', '0g', 'a1 ', '\u03611', '\u0161\u0131', Uint8Array.of(1)]) {
        expect(() => read(value)).toThrow(expect.objectContaining({ code: 'SAMEKEY_BAD_CLIENT' }));
      }
    }
  });

  it('is refused in DynamoDB', () => {
    const item: Item = { format: { N: '1' }, version: { S: 'v' }, ...toAttributes(RECORD) };
    expect(fromItem(item, 'the item')).toEqual({ record: RECORD, version: 'v' });
    const texts: [object, RegExp][] = [
      [{ 'a\nb': { S: '' } }, /\(its attributes are "a\\nb"\), wanted/],
      [{ ...item, format: { S: '2\n' } }, /\(format "2\\n"\), wanted format 1$/],
    ];
    for (const [foreign, message] of texts) {
      expect(() => fromItem(foreign as Item, 'the item')).toThrow(message);
    }
    const changes: Record<string, unknown>[] = [
      { expires_at_ms: { S: '3' } },
      { attempt: { N: 'x' } },
      { state: { S: 'paused' } },
      { payload: { S: '{}' } },
      { codec: { N: '1' } },
      { spilled_as: { N: '1' } },
      { former: { S: '' } },
      { former: { M: {} } },
    ];
    for (const change of changes) {
      expect(() => fromItem({ ...item, ...change } as Item, 'the item')).toThrow(
        expect.objectContaining({
          code: 'SAMEKEY_BAD_STATE',
          message: expect.stringMatching(
            /^Cannot use the item: it is no record of samekey, wanted/,
          ),
        }),
      );
    }
  });
});
