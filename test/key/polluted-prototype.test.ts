import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import {
  canonicalBytes,
  canonicalize,
  canonicalizeJson,
  createConversation,
  defineIdentity,
  explain,
  keyOf,
  keyOfJson,
  keysOf,
  keysOfJson,
  scoped,
  sha256Hex,
  sha256HexBatch,
} from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';

const SOURCE = fileURLToPath(new URL('../../src/', import.meta.url));

/** The language itself inherits these, in property descriptors, and `toJSON`. */
const OF_DESCRIPTORS = ['value', 'get', 'set', 'writable', 'enumerable', 'configurable'];

/** The names of all members that the layers of keys declare. */
function declaredNames(): string[] {
  const names = new Set<string>();
  for (const layer of ['engine', 'hash', 'json', 'key']) {
    for (const file of readdirSync(path.join(SOURCE, layer), { recursive: true }) as string[]) {
      if (!file.endsWith('.ts')) continue;
      const text = readFileSync(path.join(SOURCE, layer, file), 'utf8');
      for (const [, name] of text.matchAll(/^ +(?:readonly )?(\w+)\??(?:: |\()/gm)) {
        names.add(name as string);
      }
    }
  }
  for (const name of ['toJSON', 'constructor', 'if', 'for', 'while', 'switch', ...OF_DESCRIPTORS]) {
    names.delete(name);
  }
  return [...names].filter((name) => !(name in Object.prototype));
}

const value = {
  b: 1,
  a: ['x'.repeat(40), { c: 2.5, d: 'é'.repeat(30) }],
  messages: [{ role: 'user', content: 'hi' }],
};
const text = JSON.stringify(value);
const identity = defineIdentity({ exclude: ['$.b'], scope: 's' });
const included = defineIdentity({ include: ['$.a'], secret: 'x'.repeat(32) });

const windowed = { window: { lengthMs: 2 ** 50 } };

const results = (): unknown => [
  canonicalize(value, {}),
  `${canonicalizeJson(text, {})}`,
  sha256Hex('a', {}),
  sha256Hex('a', { bits: 128 }),
  sha256HexBatch(['a', 'b'], {}),
  scoped(['a'], 'b', { bits: 128 }),
  keyOf(value, windowed),
  keyOf(value, { refs: ['$.a'] }),
  JSON.stringify(identity),
  canonicalize(value),
  `${canonicalBytes(value)}`,
  `${canonicalizeJson(text)}`,
  keyOf(value),
  keyOf(value, identity),
  keyOf(value, included),
  keyOfJson(text),
  keyOfJson(text, identity),
  keysOf([value, value]),
  keysOfJson([text, text]),
  explain(value, identity).canonical,
  createConversation(value).append({ role: 'assistant', content: 'x' }),
  sha256Hex('a'),
  sha256HexBatch(['a', 'b']),
  scoped(['a'], 'b'),
];

onEach(ENGINES, () => {
  it('no option or member of samekey is taken from a polluted Object.prototype', () => {
    const names = declaredNames();
    expect(names).toEqual(expect.arrayContaining(['selection', 'at', 'lanes', 'maxDepth']));
    const wanted = JSON.stringify(results());
    for (const name of names) {
      for (const polluted of ['text', () => 'result']) {
        Object.defineProperty(Object.prototype, name, {
          value: polluted,
          configurable: true,
          writable: true,
        });
        let found: unknown;
        try {
          found = results();
        } catch (error) {
          found = error;
        } finally {
          Reflect.deleteProperty(Object.prototype, name);
        }
        if (found instanceof Error) expect.unreachable(`${name}: ${found.stack}`);
        expect(JSON.stringify(found), name).toBe(wanted);
      }
    }
  });
});
