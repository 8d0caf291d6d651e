import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { identities, keyOf, keyOfJson } from '../../src/index.js';
import { writeJson } from '../../src/json/write-json.js';
import { DigestSink } from '../../src/key/digest-sink.js';
import { compileIdentity, type IdentityOptions } from '../../src/key/identity.js';
import { under } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { random } from '../runtime/random.js';
import { referenceJson } from './reference-json.js';
import { inModule, spelled } from './spelling.js';
import { anyJson } from './values.js';

const SEED = Number(process.env.SAMEKEY_TEST_SEED ?? Date.now() % 2 ** 31);
const RUNS = { seed: SEED, numRuns: 400 };

describe(`the module by itself, SAMEKEY_TEST_SEED=${SEED}`, () => {
  it('makes the same of every spelling of a value', () => {
    fc.assert(
      fc.property(anyJson, fc.nat(), fc.constantFrom(0, 0.3, 1), (value, seed, blank) => {
        const text = spelled(value, random(seed), blank);
        // The reference has no members that are `undefined`, as `JSON.stringify`.
        const expected = referenceJson(JSON.parse(text));
        expect(inModule(text, { bigNumbers: 'double' })).toBe(expected);
        expect(inModule(Buffer.from(text), { bigNumbers: 'double' })).toBe(expected);
      }),
      RUNS,
    );
  });

  it('leaves a canonical text as it is', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = referenceJson(JSON.parse(JSON.stringify(value)));
        expect(inModule(text, { bigNumbers: 'double' })).toBe(text);
      }),
      RUNS,
    );
  });

  it('leaves the caller’s bytes as they are', () => {
    const text = ' { "b" : 1.0 , "a" : "\\u0041" } ';
    const bytes = Buffer.from(text);
    expect(inModule(bytes)).toBe('{"a":"A","b":1}');
    expect(bytes.toString()).toBe(text);
  });
});

describe('members', () => {
  /** Names whose order depends on more than their bytes. */
  const NAMES = ['', ' ', '!', '"', '#', '\\', '[', ']', '/', '\0', '\b', '\t', '\n', '\v', '\f']
    .concat(['\r', '\u001f', '\u0010', '\u000f', 'a', 'b', 'n', 'u', '\u007f', '\u0080', '\u07ff'])
    .concat(['\u0800', '\ud7ff', '\ue000', '\ufb33', '\uffff', '🧳', '\u{10000}', '\u{10ffff}']);
  const PREFIXES = ['', 'a', '\\', '\\\\', '\n', 'x'.repeat(14), 'x'.repeat(15), 'é'.repeat(40)];
  const object = (names: readonly string[]) =>
    `{${names.map((name) => `${JSON.stringify(name)}:0`).join()}}`;

  it('are in the order of their UTF-16 code units, whichever two there are', () => {
    for (const prefix of PREFIXES) {
      for (const a of NAMES) {
        for (const b of NAMES) {
          const names = [prefix + a, prefix + b];
          const expected = a === b ? undefined : object([...names].sort());
          if (inModule(object(names)) !== expected) expect.unreachable(JSON.stringify(names));
        }
      }
    }
  });

  it.each([2, 3, 15, 16, 17, 31, 32, 33, 64, 65, 100, 1000, 5000])('%d of them', (count) => {
    const next = random(count);
    const names = new Set<string>();
    while (names.size < count) {
      const prefix = PREFIXES[Math.floor(next() * PREFIXES.length)];
      names.add(
        `${prefix}${NAMES[Math.floor(next() * NAMES.length)]}${Math.floor(next() * count)}`,
      );
    }
    const shuffled = [...names].sort(() => next() - 0.5);
    const sorted = object([...names].sort());
    for (const order of [shuffled, [...names].sort(), [...names].sort().reverse()]) {
      expect(inModule(object(order))).toBe(sorted);
      // Repeats a name, at any place and in another spelling.
      const twin = order[Math.floor(next() * count)] as string;
      const units = Array.from({ length: twin.length }, (_, i) => twin.charCodeAt(i));
      const spelling = units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
      const members = order.map((name) => `${JSON.stringify(name)}:0`);
      members.splice(Math.floor(next() * (count + 1)), 0, `"${spelling}":0`);
      expect(inModule(`{${members}}`)).toBeUndefined();
    }
  });

  it('are the same name in another spelling', () => {
    expect(inModule('{"a":1,"\\u0061":2}')).toBeUndefined();
    expect(inModule('{"\\/":1,"/":2}')).toBeUndefined();
    expect(inModule('{"z":0,"\\n":1,"\\u000A":2}')).toBeUndefined();
    expect(inModule('{"b":{"a":1},"a":{"a":1}}')).toBe('{"a":{"a":1},"b":{"a":1}}');
  });
});

describe('an identity', () => {
  const PATHS = ['a', 'b', '$.a.b', '$..a', '$.*', '$.*.*', '$[0]', '$[1].a', '$.a[1]', '$..[0]']
    .concat(['$.b[*].a', '$..*', "$['\\n']", "$['é','a']", '$[0,2]', '$', '$..b.a', '$.b..a'])
    .concat(['$[4294967295]', '$[4294967296]', '$[9007199254740991]']);
  const somePaths = fc.array(fc.constantFrom(...PATHS), { minLength: 1, maxLength: 3 });
  const name = fc.constantFrom('a', 'b', 'c', '\n', 'é', '__proto__');
  const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'medium' },
      fc.constantFrom<unknown>(1, 'text', null, 1e20, 'é'.repeat(50)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  const identity = fc.record(
    {
      include: somePaths,
      exclude: somePaths.map((paths) => paths.filter((path) => path !== '$')),
      refs: somePaths,
      scope: fc.constantFrom('t', ['a', 'b'], 'x'.repeat(5000), 'long'.repeat(50_000)),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<IdentityOptions>;

  const keyInModule = (text: string, options: IdentityOptions) => {
    const compiled = compileIdentity(options);
    const sink = new DigestSink(compiled.format.hmac, 'ik_');
    return under('wasm', () => writeJson(text, compiled, sink, compiled.prefix()));
  };

  it(`selects what it selects of the value, SAMEKEY_TEST_SEED=${SEED}`, () => {
    let keys = 0;
    fc.assert(
      fc.property(value, identity, fc.nat(), (each, options, seed) => {
        const text = spelled(each, random(seed));
        let expected: string | undefined;
        try {
          expected = keyOf(JSON.parse(text), options);
          keys++;
        } catch (error) {
          // The module says no more than that.
          expect(error).toMatchObject({ code: 'SAMEKEY_EMPTY_IDENTITY' });
        }
        expect(keyInModule(text, { ...options, bigNumbers: 'double' })).toBe(expected);
      }),
      { seed: SEED, numRuns: 3000 },
    );
    expect(keys).toBeGreaterThan(1000);
  });

  it('is the one that was asked for, one after the other', () => {
    const text = '{"b":[1,{"a":2}],"a":3}';
    for (const options of [{}, { exclude: ['a'] }, { include: ['$.b[1]'] }, { exclude: ['a'] }]) {
      expect(keyInModule(text, options)).toBe(keyOf(JSON.parse(text), options));
    }
  });

  it('has the text checked where it leaves it out, too', () => {
    const exclude = ['x'];
    for (const bad of [
      '{"x":{"a":1,"a":2}}',
      '{"x":1,"x":2}',
      '{"x":"\\ud800"}',
      '{"x":[1,]}',
      '{"x":01,"a":1}',
      '{"b":1,"x":1,"a":1,"x":1}',
      '{"x":9007199254740993}',
    ]) {
      expect(inModule(bad, compileIdentity({ exclude }))).toBeUndefined();
      expectThrown(
        () => under('wasm', () => keyOfJson(bad, { exclude })),
        bad.includes('99') ? RangeError : SyntaxError,
        {
          code: bad.includes('99') ? 'SAMEKEY_BIG_NUMBER' : 'SAMEKEY_BAD_JSON',
        },
      );
    }
  });

  it('with more states than there is room for is left to TypeScript', () => {
    const include = Array.from({ length: 500 }, (_, i) => `$.a_name_that_takes_some_room_${i}.b`);
    const text = '{"a_name_that_takes_some_room_7":{"b":1,"c":2},"other":3}';
    expect(keyInModule(text, { include })).toBeUndefined();
    expect(under('wasm', () => keyOfJson(text, { include }))).toBe(
      keyOf({ a_name_that_takes_some_room_7: { b: 1 } }),
    );
  });

  it('is a preset', () => {
    const request = {
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }],
      metadata: { user_id: 'u' },
      stream: true,
    };
    for (const preset of Object.values(identities)) {
      expect(keyInModule(JSON.stringify(request), preset)).toBe(keyOf(request, preset));
    }
  });

  it('may have a secret and fewer bits', () => {
    for (const options of [{ secret: 's' }, { bits: 128 }, { secret: 's', scope: 't' }] as const) {
      expect(under('wasm', () => keyOfJson('{ "a" : 1 }', options))).toBe(keyOf({ a: 1 }, options));
    }
  });
});

it('maxDepth counts open containers', () => {
  for (const maxDepth of [1, 2, 1000, 1500]) {
    const text = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(inModule(text(maxDepth), { maxDepth })).toBe(text(maxDepth));
    expect(inModule(text(maxDepth + 1), { maxDepth })).toBeUndefined();
  }
});

it('makes a key while another one is being made', () => {
  const inner = `{"b":"${'é\\u0041'.repeat(50_000)}","a":1}`;
  const long = 'x'.repeat(60_000);
  const outer = { a: long, b: { toJSON: () => keyOfJson(inner) }, c: long };
  const expected = keyOf({ a: long, b: keyOf(JSON.parse(inner)), c: long });
  expect(under('wasm', () => keyOf(outer))).toBe(expected);
});
