import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  canonicalize,
  createSha256,
  explain,
  identities,
  keyOf,
  keyOfStream,
  scoped,
  sha256Hex,
} from '../../src/index.js';
import { under, WITH_MIDSTATES } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { contentBytes, hexOf, loadVectors, type Named } from '../vectors/vectors.js';

// Bugs of packages with a similar purpose. Each has a test, so that samekey never gets it.

it('aws-lambda-powertools: names are not sorted by their upper-case form', () => {
  expect(keyOf({ a: 1, A: 2 })).toBe(keyOf({ A: 2, a: 1 }));
  expect(keyOf({ a: 1, A: 2 })).not.toBe(keyOf({ a: 2, A: 1 }));
  expect(canonicalize({ b: 1, B: 2, a: 3, A: 4 })).toBe('{"A":4,"B":2,"a":3,"b":1}');
});

it('aws-lambda-powertools: an option of the wrong shape is refused, not ignored', () => {
  expectThrown(() => keyOf({}, { exclude: { a: 1 } } as never), TypeError, {
    code: 'SAMEKEY_BAD_IDENTITY',
  });
  expectThrown(() => keyOf({}, { excludes: ['a'] } as never), TypeError, {
    code: 'SAMEKEY_BAD_ARGUMENT',
  });
});

it('hono-idempotency: scope and content are not glued together by a character of theirs', () => {
  expect(scoped('a:b', 'c')).not.toBe(scoped('a', 'b:c'));
  expect(scoped('ab', 'c')).not.toBe(scoped('a', 'bc'));
  expect(scoped(['a', 'b'], 'c')).not.toBe(scoped('a:b', 'c'));
  expect(keyOf('c', { scope: 'a:b' })).not.toBe(keyOf('b:c', { scope: 'a' }));
});

it('canonicalize: a Map is refused and does not become {}', () => {
  expectThrown(() => canonicalize(new Map([['a', 1]])), TypeError, { code: 'SAMEKEY_NOT_JSON' });
  expectThrown(() => keyOf({ headers: new Headers({ a: 'b' }) }), TypeError, {
    code: 'SAMEKEY_NOT_JSON',
    path: '/headers',
  });
});

it('canonicalize: errors say where', () => {
  expectThrown(() => keyOf({ messages: [0, 1, 2, { content: 'a\udc00' }] }), TypeError, {
    code: 'SAMEKEY_LONE_SURROGATE',
    path: '/messages/3/content',
    message:
      'Cannot canonicalize the value at "/messages/3/content": a lone surrogate is not valid Unicode',
  });
});

it('canonicalize: UTF-8 divided by the border of a piece stays unchanged', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-'));
  try {
    const text = 'é東🧳'.repeat(30_000);
    const file = join(folder, 'text');
    writeFileSync(file, text);
    for (const highWaterMark of [1, 2, 3, 7, 65_535, 65_536, 65_537]) {
      if (highWaterMark < 7) writeFileSync(file, text.slice(0, 400));
      else writeFileSync(file, text);
      const expected = sha256Hex(highWaterMark < 7 ? text.slice(0, 400) : text);
      expect(await keyOfStream(createReadStream(file, { highWaterMark }))).toBe(expected);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('LLM caches: a request is hashed completely by default', () => {
  const request = { model: 'm', messages: [], temperature: 0 };
  const fields = ['seed', 'logit_bias', 'user', 'tool_choice', 'reasoning', 'stop', 'x-new-field'];
  const keys = [request, ...fields.map((field) => ({ ...request, [field]: 1 }))];
  expect(new Set(keys.map((each) => keyOf(each))).size).toBe(keys.length);
  expect(explain({ ...request, timestamp: 1, trace_id: 1, metadata: {} }).excluded).toEqual([]);
});

it('llm-message-hash: what a list leaves out, it does not leave out of tool calls', () => {
  const call = (input: object) => ({
    messages: [{ role: 'assistant', content: [{ type: 'tool_use', name: 'pay', input }] }],
  });
  for (const identity of Object.values(identities)) {
    for (const name of ['id', 'usage', 'created', 'cache_control', 'metadata', 'service_tier']) {
      expect(keyOf(call({ [name]: 1 }), identity)).not.toBe(keyOf(call({ [name]: 2 }), identity));
    }
  }
});

it('as-sha256: the length of a message is not counted in 32 bits', () => {
  interface Long extends Named {
    readonly midstate: string;
    readonly append: { readonly hex: string };
    readonly digest: string;
  }
  for (const engine of WITH_MIDSTATES) {
    for (const { midstate, append, digest } of loadVectors<Long>('sha256-long.json')) {
      const resumed = under(engine, () =>
        createSha256()
          .restore(contentBytes({ hex: midstate }))
          .update(contentBytes(append))
          .digest(),
      );
      expect(hexOf(resumed)).toBe(digest);
    }
  }
});

it('agentidemp: parts joined by 00 collide only where scope and content may hold a 00', () => {
  // The published rule, kept for compatibility: the number of scopes is part of the convention.
  expect(scoped('t', 'a\0b')).toBe(scoped(['t', 'a'], 'b'));
  // A scope cannot hold the separator, and JSON content never does.
  expectThrown(() => scoped('t\0a', 'b'), RangeError, { code: 'SAMEKEY_BAD_SCOPE' });
  expect(keyOf('a\0b', { scope: 't' })).not.toBe(keyOf('b', { scope: ['t', 'a'] }));
});

it('tool calls with prose: an identity of the fields that count sees the same payment', () => {
  const call = (note: string, cents = 500) => ({
    tool: 'pay',
    input: { to: 'ACME', cents, note },
  });
  const identity = { include: ['tool', '$.input.to', '$.input.cents'] };
  expect(keyOf(call('For the invoice'), identity)).toBe(keyOf(call('Paying the bill'), identity));
  expect(keyOf(call('same', 500), identity)).not.toBe(keyOf(call('same', 501), identity));
});
