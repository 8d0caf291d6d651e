/** The inputs of `samekey bench`: small, generated from a seed, the same on every machine. */
import { createHash, hash } from 'node:crypto';
import {
  type EngineChoice,
  keyOf,
  keyOfJson,
  listEngines,
  sha256Hex,
  useEngine,
} from '../index.js';

/** One implementation that a case times. */
export interface Contender {
  readonly name: string;
  readonly isOurs: boolean;
  /** Called before the timed calls. */
  prepare(): void;
  /** Returns a text. `checked` converts it into the form of `expected`. */
  call(input: never): string;
  checked(output: string): string;
}

export interface Case {
  readonly group: string;
  readonly label: string;
  readonly byteCount: number;
  /** Used in turn, so that caching the last one does not help. Their number is a power of two. */
  readonly inputs: readonly unknown[];
  readonly expected: readonly string[];
  readonly contenders: readonly Contender[];
}

const VARIANTS = 4;

const digest = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

/** A minimal RFC 8785, independent of samekey's, which is checked against it. */
function canonicalText(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${canonicalText(each)}`).join(',')}}`;
}

/** A linear congruential generator (Numerical Recipes). Good enough to generate content. */
function createDraw(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

type Draw = ReturnType<typeof createDraw>;

const WORDS =
  'the order was paid twice please check again "exactly once" and refund\nwhat is left größer 返金 🙂'.split(
    ' ',
  );

const prose = (draw: Draw, wordCount: number): string =>
  Array.from({ length: wordCount }, () => WORDS[draw(WORDS.length)]).join(' ');

const REQUESTS: Record<string, (draw: Draw) => unknown> = {
  'small chat': (draw) => ({
    model: 'some-model-1',
    max_tokens: 1024,
    temperature: 0.2,
    messages: [{ role: 'user', content: prose(draw, 12) }],
  }),
  '24 tools': (draw) => ({
    model: 'some-model-1',
    messages: [{ role: 'user', content: prose(draw, 20) }],
    tools: Array.from({ length: 24 }, (_, tool) => ({
      type: 'function',
      name: `tool_${draw(1000)}_${tool}`,
      description: prose(draw, 20),
      parameters: {
        type: 'object',
        properties: {
          query: { type: 'string', minLength: 1, description: prose(draw, 10) },
          limit: { type: 'integer', minimum: 1, maximum: 100, default: draw(100) },
        },
        required: ['query'],
        additionalProperties: false,
      },
    })),
  }),
  documents: (draw) => ({
    model: 'some-model-1',
    documents: Array.from({ length: 12 }, () => ({
      text: prose(draw, 1400),
      score: draw(1000) / 8,
    })),
  }),
};

const SIZES = { '64 B': 64, '1 KiB': 1024, '64 KiB': 65_536, '1 MiB': 1_048_576 };

const bare = (key: string): string => key.replace(/^ik_/, '');

/** samekey, with each engine that works here. */
function samekeyWith(label: string, call: (input: never) => string): Contender[] {
  const names = listEngines().map(({ name }) => name);
  const engines: EngineChoice[] = [
    'auto',
    ...(['wasm', 'js'] as const).filter((name) => names.includes(name)),
  ];
  return engines.map((engine) => ({
    name: engine === 'auto' ? label : `${label}, ${engine}`,
    isOurs: true,
    prepare: () => useEngine(engine),
    call,
    checked: bare,
  }));
}

const other = (
  name: string,
  call: (input: never) => string,
  checked = (output: string) => output,
): Contender => ({ name, isOurs: false, prepare: () => {}, call, checked });

const ofValue = (text: string): string => digest(canonicalText(JSON.parse(text)));

export function createCases(): Case[] {
  const sizes = Object.entries(SIZES).map(([label, byteCount], i): Case => {
    const inputs = Array.from({ length: VARIANTS }, (_, variant) => {
      const draw = createDraw(VARIANTS * i + variant);
      return Uint8Array.from({ length: byteCount }, () => draw(256));
    });
    return {
      group: 'bytes → key',
      label,
      byteCount,
      inputs,
      expected: inputs.map(digest),
      contenders: [
        ...samekeyWith('sha256Hex', sha256Hex),
        other('crypto.hash', (bytes) => hash('sha256', bytes, 'hex')),
      ],
    };
  });
  const texts = Object.entries(REQUESTS).map(([label, make]) => ({
    label,
    // Serialized and parsed again, so that its strings are flat in memory, as in a received request.
    texts: Array.from({ length: VARIANTS }, (_, variant) =>
      JSON.stringify(make(createDraw(variant))),
    ),
  }));
  const values = texts.map(({ label, texts: list }): Case => {
    const inputs = list.map((text) => ({
      value: JSON.parse(text),
      text: canonicalText(JSON.parse(text)),
    }));
    type Input = (typeof inputs)[number];
    return {
      group: 'request object → key',
      label,
      byteCount: Buffer.byteLength(list[0] as string),
      inputs,
      expected: list.map(ofValue),
      contenders: [
        ...samekeyWith('keyOf', ({ value }: Input) => keyOf(value)),
        other('JSON.stringify alone', ({ value }: Input) => JSON.stringify(value), ofValue),
        other('crypto.hash alone', ({ text }: Input) => hash('sha256', text, 'hex')),
      ],
    };
  });
  const bodies = texts.map(({ label, texts: list }): Case => {
    const inputs = list.map((text) => ({
      body: Buffer.from(text),
      canonical: Buffer.from(canonicalText(JSON.parse(text))),
    }));
    type Input = (typeof inputs)[number];
    return {
      group: 'raw body → key',
      label,
      byteCount: inputs[0]?.body.length ?? 0,
      inputs,
      expected: list.map(ofValue),
      contenders: [
        ...samekeyWith('keyOfJson', ({ body }: Input) => keyOfJson(body)),
        other(
          'JSON.parse, JSON.stringify',
          ({ body }: Input) => JSON.stringify(JSON.parse(body.toString())),
          ofValue,
        ),
        other('crypto.hash alone', ({ canonical }: Input) => hash('sha256', canonical, 'hex')),
      ],
    };
  });
  return [...sizes, ...values, ...bodies];
}

/** Describes the first output that differs from that of node:crypto, if there is one. */
export function findFault({ inputs, expected, contenders }: Case): string | undefined {
  for (const { name, prepare, call, checked } of contenders) {
    prepare();
    for (const [i, input] of inputs.entries()) {
      const output = checked(call(input as never));
      if (output !== expected[i])
        return `${name} returned ${output.slice(0, 80)}, wanted ${expected[i]}`;
    }
  }
  return undefined;
}
