import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createConversation, type IdentityLike, identities, keyOf } from '../../src/index.js';
import { deep } from '../depth.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { expectThrown } from '../errors/thrown.js';
import { anyJson, anyName } from '../json/values.js';

const turn = (i: number) => ({
  role: i % 2 ? 'assistant' : 'user',
  content: [{ type: 'text', text: `turn ${i} `.repeat(i), cache_control: { type: 'ephemeral' } }],
});
const turns = Array.from({ length: 40 }, (_, i) => turn(i));

const IDENTITIES: Record<string, IdentityLike | undefined> = {
  everything: undefined,
  'a preset': identities.anthropic,
  'an allow-list': { include: ['$.messages[*].content', '$.model'] },
  'an allow-list of one turn': { include: ['$.messages[3].role'] },
  'single turns left out': { exclude: ['$.messages[0]', '$.messages[2]', '$..cache_control'] },
  'all turns left out': { exclude: ['$.messages[*]'] },
  'digests of parts': { refs: ['$.messages[*].content[*].text'] },
  'scopes and a secret': { scope: ['prod', 'tenant-1'], secret: 'hunter2', bits: 128 },
};

onEach(ENGINES, () => {
  describe.each(Object.keys(IDENTITIES))('with %s', (name) => {
    const identity = IDENTITIES[name];
    const whole = (count: number) => ({
      tools: [{ name: 'search' }],
      model: 'm',
      messages: turns.slice(0, count),
    });

    it('has the key of the whole request at every turn', () => {
      const conversation = createConversation(whole(4), identity);
      expect(conversation.key).toBe(keyOf(whole(4), identity));
      for (let count = 5; count <= turns.length; count++) {
        expect(conversation.append(turns[count - 1])).toBe(keyOf(whole(count), identity));
      }
      expect(conversation.length).toBe(turns.length);
    });
  });

  it('has the key of the whole for any request and any steps', () => {
    fc.assert(
      fc.property(
        fc.dictionary(anyName, anyJson, { maxKeys: 4 }),
        anyName,
        fc.array(fc.array(anyJson, { maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        (others, list, [first, ...steps]) => {
          const request = (all: unknown[]) => {
            const value = { ...others };
            Object.defineProperty(value, list, { value: all, enumerable: true });
            return value;
          };
          const all = [...(first as unknown[])];
          const conversation = createConversation(request(first as unknown[]), undefined, list);
          expect(conversation.key).toBe(keyOf(request(all)));
          for (const step of steps) {
            all.push(...step);
            expect(conversation.append(...step)).toBe(keyOf(request(all)));
          }
        },
      ),
      { numRuns: deep(50, 200) },
    );
  });
});

describe('a conversation', () => {
  it('counts messages as they were when they came', () => {
    const message = { role: 'user', content: 'Hi' };
    const conversation = createConversation({ messages: [message] });
    const before = conversation.key;
    message.content = 'changed';
    expect(conversation.key).toBe(before);
  });

  it('is as it was after an error', () => {
    const conversation = createConversation({ messages: ['a'] });
    expectThrown(() => conversation.append('b', { at: [Number.NaN] }), RangeError, {
      code: 'SAMEKEY_NOT_FINITE',
      path: '/messages/2/at/0',
    });
    expect(conversation.length).toBe(1);
    // Its beginning is already digested when its end turns out to be invalid.
    const long = 'x'.repeat(300_000);
    expectThrown(() => conversation.append(long, Number.NaN), RangeError, {
      code: 'SAMEKEY_NOT_FINITE',
      path: '/messages/2',
    });
    expect(conversation.append('c')).toBe(keyOf({ messages: ['a', 'c'] }));
  });

  it('includes nothing of a rejected message', () => {
    const identity = { include: ['$.messages[*].id'] };
    const conversation = createConversation({ messages: [] }, identity);
    expectThrown(() => conversation.append({ id: 1 }, { id: Number.NaN }), RangeError, {
      code: 'SAMEKEY_NOT_FINITE',
    });
    expectThrown(() => conversation.key, RangeError, { code: 'SAMEKEY_EMPTY_IDENTITY' });
  });

  it('has no message that gave it no key', () => {
    const identity = { include: ['$.messages[*].content'] };
    const conversation = createConversation({ messages: [{ role: 'system' }] }, identity);
    expectThrown(() => conversation.append({ role: 'user' }), RangeError, {
      code: 'SAMEKEY_EMPTY_IDENTITY',
    });
    expect(conversation.length).toBe(1);
    const messages = [{ role: 'system' }, { content: 'Hi' }];
    expect(conversation.append({ content: 'Hi' })).toBe(keyOf({ messages }, identity));
    expect(conversation.append({ role: 'user' })).toBe(
      keyOf({ messages: [...messages, { role: 'user' }] }, identity),
    );
    expect(conversation.length).toBe(3);
  });

  it('takes no message while it reads one', () => {
    const conversation = createConversation({ messages: [] });
    const message = { toJSON: () => conversation.append('inner') };
    expectThrown(() => conversation.append(message), Error, { code: 'SAMEKEY_BAD_STATE' });
    expect(conversation.append('outer')).toBe(keyOf({ messages: ['outer'] }));
  });

  it('takes a list that makes its JSON itself', () => {
    const request = { messages: Object.assign([1], { toJSON: () => [2] }) };
    expect(createConversation(request).append(3)).toBe(keyOf({ messages: [2, 3] }));
  });

  it('refuses what keyOf refuses', () => {
    const request = Object.assign(new Map([['model', 'm']]), { messages: [] });
    expectThrown(() => createConversation(request), TypeError, { code: 'SAMEKEY_NOT_JSON' });
    expectThrown(() => createConversation([['Hi']], undefined, '0'), TypeError, {
      code: 'SAMEKEY_BAD_ARGUMENT',
    });
  });

  it('gives toJSON the index in the whole list', () => {
    const asked: string[] = [];
    const message = { toJSON: (key: string) => asked.push(key) };
    const conversation = createConversation({ messages: [message] });
    conversation.append(message, message);
    expect(asked).toEqual(['0', '1', '2']);
    expect(conversation.key).toBe(keyOf({ messages: [1, 2, 3] }));
  });

  it('takes a request that makes its JSON itself', () => {
    const request = { toJSON: () => ({ messages: [1], n: 2 }) };
    expect(createConversation(request).append(3)).toBe(keyOf({ messages: [1, 3], n: 2 }));
  });

  it('does not read excluded values', () => {
    const request = {
      messages: [],
      get trace_id(): never {
        throw new Error('touched');
      },
    };
    const conversation = createConversation(request, { exclude: ['trace_id'] });
    expect(conversation.key).toBe(keyOf({ messages: [] }));
  });

  it('keeps the limit of nesting', () => {
    const identity = { maxDepth: 3 };
    const conversation = createConversation({ messages: [[]] }, identity);
    expectThrown(() => conversation.append([[]]), RangeError, {
      code: 'SAMEKEY_TOO_DEEP',
      path: '/messages/1/0',
      message: /3/,
    });
  });

  it('has no key while nothing to include is there', () => {
    const identity = { include: ['$.messages[1]'] };
    const conversation = createConversation({ messages: ['a'] }, identity);
    expectThrown(() => conversation.key, RangeError, { code: 'SAMEKEY_EMPTY_IDENTITY' });
    expect(conversation.append('b')).toBe(keyOf({ messages: ['a', 'b'] }, identity));
  });

  it.each([undefined, null, 7, 'text', {}, { messages: 'Hi' }, Object.create({ messages: [] })])(
    'refuses %j, which has no list',
    (request) => {
      expectThrown(() => createConversation(request as object), TypeError, {
        code: 'SAMEKEY_BAD_ARGUMENT',
        message: /its "messages" is (undefined|text), wanted an array/,
      });
    },
  );

  it.each([
    [{ exclude: ['messages'] }, /leaves "messages" out/],
    [{ include: ['model'] }, /leaves "messages" out/],
    [{ refs: ['$'] }, /puts a digest in place of "messages"/],
    [{ refs: ['messages'] }, /puts a digest in place of "messages"/],
    [{ window: { lengthMs: 1000 } }, /has a time window/],
  ])('refuses the identity %j', (identity, message) => {
    expectThrown(() => createConversation({ model: 'm', messages: [] }, identity), RangeError, {
      code: 'SAMEKEY_BAD_IDENTITY',
      message,
    });
  });
});
