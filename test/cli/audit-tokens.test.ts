import { describe, expect, it } from 'vitest';
import { expectFailure, folder, samekey } from './program.js';

const files = folder();
const log = (...lines: readonly object[]) =>
  lines.map((line) => `${JSON.stringify(line)}\n`).join('');

const PRICES = {
  currency: 'EUR',
  prices: {
    'gpt-5*': { inputPerMillion: 1000, cachedInputPerMillion: 100, outputPerMillion: 10_000 },
    'claude-*': { inputPerMillion: 3000, outputPerMillion: 15_000 },
  },
};
const pricesFile = (prices: unknown = PRICES) =>
  files.write('prices.json', typeof prices === 'string' ? prices : JSON.stringify(prices));

const openai = (prompt_tokens: number, completion_tokens: number) => ({
  model: 'gpt-5-mini',
  usage: { prompt_tokens, completion_tokens },
});
const lines = log(
  { key: 'a', ...openai(1000, 100) },
  { key: 'b', ...openai(50, 5) },
  { key: 'a', ...openai(1000, 120) },
  { key: 'a', ...openai(1000, 80) },
);

const containing = (text: string) => new RegExp(text.replaceAll(/[[\]{}().]/g, '\\$&'));

async function audit(input: string, ...args: string[]) {
  const { code, stdout, stderr } = await samekey(['audit', '--json', ...args], { input });
  return { code, stderr, ...JSON.parse(stdout || '{}') };
}

describe('samekey audit --prices', () => {
  it('prints the cost of duplicates, in tokens and in money', async () => {
    const { stdout, stderr } = await samekey(['audit', '--prices', pricesFile()], { input: lines });
    expect(stdout).toBe(
      [
        'times  first line  last line  wasted tokens  wasted  key',
        '    3           1          4          2,180     3.8  a',
        '',
        '4 lines, 4 calls with 2 keys',
        '2 duplicates of 1 key, 2,180 tokens wasted of 3,355, 3.8 wasted of 6.1 EUR',
        '',
      ].join('\n'),
    );
    expect(stderr).toBe('');
    expect(await audit(lines, '--prices', pricesFile())).toEqual({
      code: 0,
      stderr: '',
      lines: 4,
      calls: 4,
      keys: 2,
      repeatedKeys: 1,
      duplicates: 2,
      cost: 6.1,
      wasted: 3.8,
      currency: 'EUR',
      tokens: { input: 3050, output: 305 },
      wastedTokens: { input: 2000, output: 180 },
      notCompared: 0,
      faults: {},
      worst: [
        {
          key: 'a',
          times: 3,
          firstLine: 1,
          lastLine: 4,
          wasted: 3.8,
          wastedTokens: { input: 2000, output: 180 },
        },
      ],
    });
  });

  it('finds the usage of any provider, in a response or in the text of a body', async () => {
    const anthropic = {
      type: 'message',
      model: 'claude-sonnet-4-5',
      usage: { input_tokens: 7, cache_read_input_tokens: 3, output_tokens: 1 },
    };
    const stream = [
      `event: message_start\ndata: ${JSON.stringify({ type: 'message_start', message: anthropic })}\n\n`,
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ].join('');
    const gemini = { promptTokenCount: 10, candidatesTokenCount: 1 };
    const input = log(
      { key: 'a', response: anthropic },
      { key: 'b', response: { status: 200, body: anthropic } },
      { key: 'c', body: JSON.stringify(anthropic) },
      { key: 'd', response: { body: stream } },
      { key: 'e', request: { model: 'claude-opus-4-5' }, usageMetadata: gemini },
    );
    const found = await audit(input, '--prices', pricesFile());
    expect(found).toMatchObject({
      tokens: { input: 50, output: 5 },
      cost: (50 * 3000 + 5 * 15_000) / 1e6,
      faults: {},
    });
  });

  it('reads the fields that the flags name', async () => {
    const input = log({
      key: 'a',
      usage: { cost: 1 },
      llm: { in: openai(10, 0).usage, of: 'gpt-5' },
    });
    const found = await audit(
      input,
      ...['--prices', pricesFile(), '-u', 'none', '-u', 'llm.in', '-m', 'llm.of'],
    );
    expect(found).toMatchObject({ tokens: { input: 10, output: 0 }, cost: 0.01, faults: {} });
  });

  it('reports calls without tokens, and models without a price', async () => {
    const input = log(
      { key: 'a', ...openai(1, 1) },
      { key: 'a' },
      { key: 'a', ...openai(5, 5), model: 'other-1' },
      { key: 'a', usage: { input_tokens: 1 } },
    );
    const { stdout, stderr } = await samekey(['audit', '--prices', pricesFile()], { input });
    expect(stdout).toContain(
      '3 duplicates of 1 key, 11 tokens wasted of 13, 0 wasted of 0.011 EUR',
    );
    expect(stderr).toBe(
      [
        'samekey: standard input: 1 line without tokens at $, response, response.body, body (line 2)',
        'samekey: standard input: 2 lines with a model that has no price (first: line 3: other-1)',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['text that is not JSON', '{', 'it is not JSON: '],
    ['JSON that is not a price list', '[]', 'wanted an object, not an array'],
    ['an invalid price', { prices: { m: 3 } }, 'Cannot use the price of "m": wanted an object'],
  ])('refuses a file with %s', async (_, content, message) => {
    const failure = await samekey(['audit', '--prices', pricesFile(content)], { input: lines });
    expectFailure(failure, 2, containing(message));
  });

  it('refuses contradictory flags, and a missing file', async () => {
    for (const [args, code, message] of [
      [['--prices', pricesFile(), '--cost', '1'], 2, '--prices and --cost both define the cost'],
      [['--prices', pricesFile(), '--cost-field', 'c'], 2, '--prices and --cost-field both define'],
      [['--model-field', 'm'], 2, '--model-field applies to prices only'],
      [['--prices', '/nowhere/prices.json'], 3, '/nowhere/prices.json: no such file'],
    ] as const) {
      expectFailure(await samekey(['audit', ...args], { input: lines }), code, containing(message));
    }
  });
});

describe('samekey audit --usage-field', () => {
  it('counts tokens without prices, and lists the keys with the most wasted tokens first', async () => {
    const input = log(
      ...['few', 'many', 'few', 'few', 'many'].map((key) => ({
        key,
        ...openai(key === 'few' ? 1 : 100, 1),
      })),
    );
    const { stdout } = await samekey(['audit', '-u', 'usage'], { input });
    expect(stdout).toBe(
      [
        'times  first line  last line  wasted tokens  key',
        '    2           2          5            101  many',
        '    3           1          4              4  few',
        '',
        '5 lines, 5 calls with 2 keys',
        '3 duplicates of 2 keys, 105 tokens wasted of 208',
        '',
      ].join('\n'),
    );
  });

  it('can be combined with --cost-field', async () => {
    const input = log(
      { key: 'a', cost: 2, ...openai(10, 1) },
      { key: 'a', cost: 1, ...openai(99, 1) },
    );
    // The most expensive call by cost is the one that was needed.
    expect(await audit(input, '-u', 'usage', '--cost-field', 'cost')).toMatchObject({
      wasted: 1,
      wastedTokens: { input: 99, output: 1 },
    });
  });
});
