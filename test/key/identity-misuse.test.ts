import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { canonicalize, defineIdentity, identities, keyOf } from '../../src/index.js';

describe('an identity', () => {
  it('is not taken from getters of a class, which a copy would lose', () => {
    class Config {
      get scope() {
        return 'tenant-1';
      }
    }
    for (const use of [keyOf.bind(null, 1), defineIdentity]) {
      expect(() => use(new Config())).toThrow(/wanted a plain object, not a Config/);
    }
  });

  it('takes nothing from Object.prototype', () => {
    const before = keyOf(1, { bits: 256 });
    Object.defineProperty(Object.prototype, 'scope', { value: 'evil', configurable: true });
    try {
      expect(keyOf(1, { bits: 256 })).toBe(before);
    } finally {
      delete (Object.prototype as { scope?: unknown }).scope;
    }
  });

  it('has its own, frozen lists', () => {
    const exclude = ['a'];
    const identity = defineIdentity({ exclude });
    exclude.push('b');
    expect(identity.exclude).toEqual(['a']);
    expect(() => (identities.openai.exclude as string[]).push('$.model')).toThrow(TypeError);
    expect(() => Object.assign(identities, { openai: identity })).toThrow(TypeError);
  });

  it('shows its secret in no log, and its logged form makes no keys', () => {
    const identity = defineIdentity({ secret: 'hunter2', scope: 't' });
    expect(inspect(identity)).not.toContain('hunter2');
    expect(JSON.stringify(identity)).not.toContain('hunter2');
    expect(() => keyOf(1, JSON.parse(JSON.stringify(identity)))).toThrow(/Cannot use the secret/);
    expect(keyOf(1, { ...identity })).toBe(keyOf(1, identity));
  });

  it('without a secret is logged as its options, which make the same keys', () => {
    const options = { exclude: ['a'], scope: 't' };
    const identity = defineIdentity(options);
    expect(JSON.parse(JSON.stringify(identity))).toEqual(options);
    expect(inspect(identity)).toBe(inspect(options));
  });

  it.each([
    [{ window: { lengthMs: 1000, clok: Date.now } }, /no member "clok"/],
    [{ refs: { paths: ['a'], cache: new Map(), max: 1 } }, /no member "max"/],
  ])('refuses a misspelling inside %j', (options, message) => {
    expect(() => defineIdentity(options as never)).toThrow(message);
  });

  it('does not read excluded values', () => {
    const value = {
      a: 1,
      get b(): never {
        throw new Error('touched');
      },
    };
    expect(keyOf(value, { exclude: ['b'] })).toBe(keyOf({ a: 1 }));
  });
});

describe('an array of numbers', () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8];

  it('that came out of toJSON is not asked for toJSON again', () => {
    const inner = Object.assign([...numbers], { toJSON: () => 'evil' });
    const value = { a: { toJSON: () => inner } };
    expect(canonicalize(value)).toBe(JSON.stringify(value));
  });

  it('of a custom class counts as its members', () => {
    class Odd extends Array<number> {
      override slice(): number[] {
        return [9, 9];
      }
    }
    const odd = Odd.from({ length: 3000 }, (_, i) => i) as Odd;
    expect(canonicalize(odd)).toBe(JSON.stringify(Array.from(odd)));
  });
});
