import { describe, expect, it } from 'vitest';
import { JsonReader } from '../../src/response/json-reader.js';

const MAX_BYTES = 10_000;

/** Reads a body in chunks of `size` bytes. */
function read(body: string, size: number, maxBytes = MAX_BYTES) {
  const values: unknown[] = [];
  const reader = new JsonReader(
    {
      onValue: (value) => values.push(value),
      isStream: (first) => (first as { part?: unknown } | undefined)?.part !== undefined,
    },
    maxBytes,
  );
  const bytes = new TextEncoder().encode(body);
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, at + size);
    reader.see(chunk);
    // Another reader of the response may change its bytes.
    chunk.fill(0);
  }
  reader.end();
  const { isOpen, isMalformed, isTooLong, valueCount } = reader;
  return { values, isOpen, isMalformed, isTooLong, valueCount };
}

const whole = { isOpen: false, isMalformed: false, isTooLong: false };

describe.each([1, 2, 3, 7, 1000])('in chunks of %i bytes', (size) => {
  it.each<[string, string, unknown[]]>([
    ['a document', '{"a":[{"b":"}]"}],"c":"\\"{"}', [{ a: [{ b: '}]' }], c: '"{' }]],
    ['a document in lines', '{\n  "a": 1,\r\n  "b": [ ]\n}\n', [{ a: 1, b: [] }]],
    ['a byte order mark', '\ufeff {"a":1}', [{ a: 1 }]],
    ['text that is not ASCII', '{"é":"\\\\","日":"本"}', [{ é: '\\', 日: '本' }]],
    ['lines', '{"a":1}\n{"a":2}\r\n\r\n{"a":3}', [{ a: 1 }, { a: 2 }, { a: 3 }]],
    ['values without a space', '{"a":1}{"a":2}[3]"4"', [{ a: 1 }, { a: 2 }, [3], '4']],
    ['a text sequence', '\x1e{"a":1}\n\x1e"b"\n\x1e12\n', [{ a: 1 }, 'b', 12]],
    ['words', 'null true 1e3', [null, true, 1000]],
    ['a stream with other elements', '[{"part":1},"a",2,null,[3]]', [{ part: 1 }, [3]]],
    ['an array', '[{"a":1},{"a":2}]', [[{ a: 1 }, { a: 2 }]]],
    ['an array of anything', '[1,{"part":1},"[",[]]', [[1, { part: 1 }, '[', []]]],
    ['an empty array', '[ ]', [[]]],
    [
      'an array that is a stream',
      '[{"part":[1]}\n,\r\n{"part":{}} ,{"b":2}]',
      [{ part: [1] }, { part: {} }, { b: 2 }],
    ],
    [
      'an array that is a stream, behind a byte order mark and white space',
      '\ufeff\n [{"part":1},{"part":2}]',
      [{ part: 1 }, { part: 2 }],
    ],
    ['nothing', '', []],
    ['white space', ' \n ', []],
  ])('%s', (_, body, values) => {
    expect(read(body, size)).toEqual({ ...whole, values, valueCount: values.length });
  });

  it.each([
    ['an object', '{"a":1'],
    ['a string', '"abc'],
    ['a string that ends with an escape', '{"a":"\\"}'],
    ['an array', '[1,2'],
    ['a stream of elements', '[{"part":1},{"part"'],
    ['a line', '{"a":1}\n{"a"'],
  ])('%s that is cut is open', (_, body) => {
    expect(read(body, size)).toMatchObject({ isOpen: true, isMalformed: false });
  });

  it.each([
    ['HTML', '<html></html>'],
    ['single quotes', "{'a':1}"],
    ['a trailing comma', '{"a":1,}'],
    ['text after a document', '{"a":1} ok'],
    ['a bracket too many', '{"a":1}}'],
    ['values with commas between', '{"a":1},{"a":2}'],
    ['half a word', 'tru'],
    ['a byte order mark behind a value', '{"a":1}\n\ufeff{"b":2}'],
  ])('%s is malformed', (_, body) => {
    expect(read(body, size)).toMatchObject({ isMalformed: true });
  });

  it('a value that is longer than maxBytes is not read', () => {
    const long = JSON.stringify({ a: 'x'.repeat(2000) });
    // One that arrives in one chunk need not be held.
    if (size < 1000) expect(read(long, size, 1000)).toMatchObject({ isTooLong: true, values: [] });
    expect(read('{"a":1}\n'.repeat(500), size, 1000).valueCount).toBe(500);
  });
});

it('finds the same values wherever the chunks end', () => {
  const body = '[{"part":"[{\\"","b":[[{}]]},{"part":"]}"}]{"x":"\\\\"}\n"é"\n-1.5e3 ';
  const expected = read(body, 1000);
  expect(expected.values).toHaveLength(5);
  const bytes = new TextEncoder().encode(body);
  for (let size = 1; size < bytes.length; size++) expect(read(body, size)).toEqual(expected);
});

it('says how many bytes of a value that has not ended it holds', () => {
  const reader = new JsonReader({ onValue: () => {}, isStream: () => false }, MAX_BYTES);
  const heldAfter = (text: string) => {
    reader.see(new TextEncoder().encode(text));
    return reader.heldBytes;
  };
  expect(reader.heldBytes).toBe(0);
  expect(heldAfter('{"a":')).toBe(5);
  expect(heldAfter('[1,2')).toBe(9);
  expect(heldAfter(']}')).toBe(0);
  expect(heldAfter('{"b":"é')).toBe(8);
});
