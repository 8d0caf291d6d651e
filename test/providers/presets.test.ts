import { describe, expect, it } from 'vitest';
import { explain, identities, keyOf } from '../../src/index.js';
import { anthropic, bedrock, gemini, openai } from './requests.js';

/** The effect that each path of a preset must have, and the one that it must not have. */
interface Case {
  /** The request with the member: its key equals the base request's. */
  readonly equal: unknown;
  /** Two requests that differ in user data of the same name: their keys must differ. */
  readonly nearMiss: readonly [unknown, unknown];
}

type Preset = keyof typeof identities;

interface Cases {
  readonly base: unknown;
  readonly paths: Readonly<Record<string, Case>>;
}

const cache = { cache_control: { type: 'ephemeral' } };
const otherCache = { cache_control: 'none' };

/** The same, in the middle of a tool call's own input, in any shape that the paths know. */
const inInput = (shape: (member: object) => object): [unknown, unknown] => [
  anthropic({ input: shape(cache) }),
  anthropic({ input: shape(otherCache) }),
];

/** The member at the top of the body, against the same member in a tool call and in a schema. */
function topLevel(
  make: (parts: Record<string, object>) => unknown,
  name: string,
  value: unknown,
  inner: string,
): Record<string, Case> {
  return {
    [`$.${name}`]: {
      equal: make({ top: { [name]: value } }),
      nearMiss: [make({ [inner]: { [name]: 'a' } }), make({ [inner]: { [name]: 'b' } })],
    },
  };
}

const CASES: Record<Preset, Cases> = {
  volatile: {
    base: { job: { timestamp: 1 }, n: 1 },
    paths: Object.fromEntries(
      ['timestamp', 'trace_id', 'request_id', 'retry_count'].map((name) => [
        `$.${name}`,
        {
          equal: { job: { timestamp: 1 }, n: 1, [name]: 'now' },
          nearMiss: [{ job: { [name]: 1 } }, { job: { [name]: 2 } }],
        },
      ]),
    ),
  },
  anthropic: {
    base: anthropic(),
    paths: {
      '$.cache_control': { equal: anthropic({ top: cache }), nearMiss: inInput((c) => c) },
      '$.service_tier': {
        equal: anthropic({ top: { service_tier: 'standard_only' } }),
        nearMiss: [
          anthropic({ input: { service_tier: 'first class' } }),
          anthropic({ input: { service_tier: 'second class' } }),
        ],
      },
      '$.system[*].cache_control': {
        equal: anthropic({ system: cache }),
        nearMiss: inInput((c) => ({ system: [c] })),
      },
      '$.tools[*].cache_control': {
        equal: anthropic({ tool: cache }),
        nearMiss: [anthropic({ schema: cache }), anthropic({ schema: otherCache })],
      },
      '$.messages[*].content[*].cache_control': {
        equal: anthropic({ text: cache, use: cache }),
        nearMiss: inInput((c) => ({ messages: [{ content: [c] }] })),
      },
      '$.messages[*].content[*].content[*].cache_control': {
        equal: anthropic({ result: cache }),
        nearMiss: inInput((c) => ({ content: [c] })),
      },
      '$.messages[*].content[*].source.content[*].cache_control': {
        equal: anthropic({ page: cache }),
        nearMiss: inInput((c) => ({ source: { content: [c] } })),
      },
    },
  },
  openai: {
    base: openai(),
    paths: {
      ...topLevel(openai, 'prompt_cache_key', 'user-7', 'args'),
      ...topLevel(openai, 'prompt_cache_retention', '24h', 'schema'),
      ...topLevel(openai, 'service_tier', 'flex', 'args'),
    },
  },
  bedrock: {
    base: bedrock(),
    paths: {
      ...topLevel(bedrock, 'performanceConfig', { latency: 'optimized' }, 'schema'),
      ...topLevel(bedrock, 'serviceTier', { type: 'flex' }, 'input'),
      ...topLevel(bedrock, 'clientRequestToken', 'token', 'schema'),
    },
  },
  gemini: {
    base: gemini(),
    paths: {
      '$.config.httpOptions': {
        equal: gemini({ config: { httpOptions: { timeout: 5 } } }),
        nearMiss: [
          gemini({ args: { config: { httpOptions: 1 } } }),
          gemini({ args: { config: { httpOptions: 2 } } }),
        ],
      },
      '$.config.abortSignal': {
        equal: gemini({ config: { abortSignal: new AbortController().signal } }),
        nearMiss: [
          gemini({ args: { abortSignal: 'red' } }),
          gemini({ args: { abortSignal: 'green' } }),
        ],
      },
    },
  },
};

it('has a case for each path of each preset, and no other', () => {
  const expected = Object.entries(identities).map(([name, { exclude }]) => [
    name,
    [...(exclude ?? [])].sort(),
  ]);
  const covered = Object.entries(CASES).map(([name, { paths }]) => [
    name,
    Object.keys(paths).sort(),
  ]);
  expect(Object.fromEntries(covered)).toEqual(Object.fromEntries(expected));
});

it('has presets that only exclude fields', () => {
  for (const identity of Object.values(identities)) {
    expect(Object.keys(identity)).toEqual(['exclude']);
    expect(Object.isFrozen(identity)).toBe(true);
    for (const path of identity.exclude ?? []) expect(path).toMatch(/^\$\.(?!.*\.\.)/);
  }
});

describe.each(Object.entries(CASES))('identities.%s', (name, { base, paths }) => {
  const identity = identities[name as Preset];

  it('leaves a plain request as it is', () => {
    expect(keyOf(base, identity)).toBe(keyOf(base));
  });

  describe.each(Object.entries(paths))('%s', (path, { equal, nearMiss }) => {
    it('does not change the key, because of this path', () => {
      expect(keyOf(equal, identity)).toBe(keyOf(base, identity));
      const { excluded } = explain(equal, identity);
      expect(excluded.length).toBeGreaterThan(0);
      expect(excluded.map(({ by }) => by)).toEqual(excluded.map(() => path));
      // Without this one path the two are different requests.
      const others = identity.exclude?.filter((each) => each !== path) as string[];
      if (path !== '$.config.abortSignal') {
        expect(keyOf(equal, { exclude: others })).not.toBe(keyOf(base, { exclude: others }));
      }
    });

    it('does not exclude user data of the same name', () => {
      const [a, b] = nearMiss;
      expect(keyOf(a, identity)).not.toBe(keyOf(b, identity));
      expect(keyOf(a, identity)).not.toBe(keyOf(base, identity));
      expect(explain(a, identity).excluded).toEqual([]);
    });
  });
});

describe('every preset keeps', () => {
  const requests = { anthropic, openai, bedrock, gemini } as const;
  it.each(Object.entries(requests))('the requested work: %s', (name, make) => {
    const identity = identities[name as Preset];
    const variants = [
      make(),
      make({ top: { model: 'other' } }),
      make({ top: { temperature: 1 } }),
      make({ top: { messages: [] } }),
      make({ top: { id: 'x' } }),
      make({ top: { user: 'u' } }),
      make({ top: { metadata: { order: 7 } } }),
      make({ top: { metadata: { order: 8 } } }),
      make({ top: { requestMetadata: { order: 7 } } }),
      make({ top: { labels: { order: 7 } } }),
      make({ top: { usage: 1 } }),
      make({ schema: { to: { type: 'string' } } }),
      ...['id', 'usage', 'stop_reason', 'created', 'metadata', 'labels', 'trace_id'].flatMap(
        (key) => [
          make({ input: { [key]: 1 }, args: { [key]: 1 } }),
          make({ input: { [key]: 2 }, args: { [key]: 2 } }),
        ],
      ),
    ];
    const keys = variants.map((variant) => keyOf(variant, identity));
    expect(new Set(keys).size).toBe(variants.length);
  });
});
