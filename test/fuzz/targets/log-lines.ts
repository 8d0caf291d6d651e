/** Lines of a log that arrive in chunks, and the call in each line. */
import assert from 'node:assert/strict';
import { toField } from '../../../src/cli/field.js';
import { linesOf } from '../../../src/cli/lines.js';
import { type CallFields, callIn } from '../../../src/cli/log-call.js';
import { logLines } from '../../../src/cli/log-lines.js';
import { priceTable } from '../../../src/cost/prices.js';
import { defineIdentity } from '../../../src/index.js';
import { lineBatches } from '../../../src/pool/line-batches.js';
import { cut, withChoices } from '../chunks.js';

export const seeds = [
  '\x02\x00{"key":"a","cost":0.5,"usage":{"input_tokens":3,"output_tokens":4},"model":"gpt-5"}\n\n{"key":"\\"b\\"","cost":"1e-3"}\r\n',
  '\x01\x01{"request":{"body":"{\\"a\\":1}"},"response":"data: {\\"usage\\":{\\"prompt_tokens\\":1}}\\n\\n"}\n{"request":{"body":{"a":12345678901234567890}}}',
  '\x03\x02\xff\xfe\n{"key":12345678901234567890,"a.b":{"c":1}}\n[1]\n{',
];

const field = (text: string) => toField(text, '--field');

const FIELDS: readonly CallFields[] = [
  {
    keys: [field('key'), field('a.b.c')],
    cost: field('cost'),
    usage: [field('usage'), field('response')],
    models: [field('model')],
  },
  {
    keys: [],
    request: { field: field('request.body'), identity: defineIdentity({ exclude: ['$.a'] }) },
    usage: [field('response')],
    prices: priceTable({ prices: { 'gpt*': { inputPerMillion: 1, outputPerMillion: 2 } } }),
  },
  { keys: [field("$.key['a']"), field('key')], cost: 1 },
];

/** The first byte cuts the chunks, the second one chooses the fields. */
export async function fuzz(input: Uint8Array): Promise<void> {
  const [choice, kind, log] = withChoices(input, 2) as [number, number, Uint8Array];
  const fields = FIELDS[kind % FIELDS.length] as CallFields;
  const lines = await all(logLines(arriving(cut(log, choice))));
  const expected = splitLines(log);
  assert.equal(lines.length, expected.length);
  for (const [i, line] of lines.entries()) {
    const bytes = expected[i] as Buffer;
    if (typeof line === 'string') assert.ok(Buffer.from(line).equals(bytes));
    else
      assert.ok(
        !Buffer.from(bytes.toString()).equals(bytes),
        'only bytes that are no UTF-8 are refused',
      );
    if (typeof line === 'string') expectCall(line, fields);
  }
  await expectText(log, choice);
  await expectBlocks(log, choice);
}

/** Blocks of a few bytes end at the ends of lines, and are the log together. */
async function expectBlocks(log: Uint8Array, choice: number): Promise<void> {
  const blocks: Buffer[] = [];
  for await (const { bytes } of lineBatches(cut(log, choice), log.length + 1, 1 + (choice % 20))) {
    blocks.push(Buffer.from(bytes));
  }
  assert.ok(Buffer.concat(blocks).equals(log));
  for (const block of blocks.slice(0, -1)) assert.equal(block.at(-1), 0x0a);
}

function expectCall(line: string, fields: CallFields): void {
  const call = callIn(line, fields);
  if (call === undefined) {
    assert.equal(line.trim(), '');
  } else if ('kind' in call) {
    assert.equal(typeof (call.hint?.() ?? ''), 'string');
  } else {
    assert.notEqual(call.key, '');
    assert.ok(call.cost >= 0 && Number.isFinite(call.cost));
    const { input = 0, output = 0 } = call.tokens ?? {};
    assert.ok(input >= 0 && output >= 0);
  }
}

function splitLines(log: Uint8Array): Buffer[] {
  const lines: Buffer[] = [];
  const bytes = Buffer.from(log);
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf('\n', at);
    lines.push(bytes.subarray(at, end < 0 ? bytes.length : end));
    at = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

/** Parts of lines, put together again, are the text. */
async function expectText(log: Uint8Array, choice: number): Promise<void> {
  let text = '';
  let number = 1;
  for await (const line of linesOf(arriving(cut(log, choice)), 1 + (choice % 50))) {
    text += '\n'.repeat(line.number - number);
    number = line.number;
    assert.equal(line.before, text.length - (text.lastIndexOf('\n') + 1));
    text += line.text;
  }
  const expected = new TextDecoder().decode(log);
  assert.equal(text, expected.replace(/\n$/, '').slice(0, text.length));
  assert.match(expected.slice(text.length), /^\n*$/);
}

async function* arriving(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

async function all<T>(blocks: AsyncIterable<Iterable<T>>): Promise<T[]> {
  const found: T[] = [];
  for await (const block of blocks) found.push(...block);
  return found;
}
