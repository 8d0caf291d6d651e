import { toHex } from '../engine/hex.js';
import { encoder } from '../engine/utf8.js';
import { fail, nameOf, quote } from '../errors/errors.js';
import { createDigester, type Digester } from '../hash/hmac.js';
import { canonicalText } from '../json/canonicalize.js';
import { hasMembers } from '../json/objects.js';
import type { Slice } from '../json/path.js';
import { refuseType } from '../json/refuse.js';
import type { Selection } from '../json/selection.js';
import { type CanonicalSink, writeCanonical } from '../json/write.js';
import { writeOptions } from '../json/writer.js';
import { type CompiledIdentity, compileIdentity, type IdentityLike } from './identity.js';
import { KEY_PREFIX, type Key, toKey } from './key.js';
import { type Watcher, watch } from './watch.js';

/** A request with a growing list of messages. Made by `createConversation`. */
export interface Conversation {
  /** The key of the request with all messages so far, equal to `keyOf` of the whole request. */
  readonly key: Key;
  /** The number of messages. */
  readonly length: number;
  /**
   * Adds messages and returns the new key. The messages are read now, so a later change has no
   * effect. Throws the errors of `keyOf`; the conversation then stays unchanged.
   */
  append(...messages: unknown[]): Key;
}

class GrowingConversation implements Conversation {
  readonly #identity: CompiledIdentity;
  readonly #list: string;
  /** The identity's selection for the list. */
  readonly #selection: Selection | undefined;
  /** The first watcher that has seen an included value. */
  #watcher: Watcher;
  /** Canonical JSON after the list: the members whose names sort after that of the list. */
  readonly #tail: Uint8Array;
  /** The digest of everything before the end of the list. */
  #digester: Digester;
  #length = 0;
  #isEmpty = true;
  #isBusy = false;

  constructor(
    given: Record<string, unknown>,
    messages: readonly unknown[],
    identity: CompiledIdentity,
    list: string,
  ) {
    this.#identity = identity;
    this.#list = list;
    this.#selection = identity.selection?.member(list);
    this.#watcher = watch(identity);
    if (this.#selection?.startsInclude) this.#watcher.included();

    const { maxDepth, selection } = identity;
    const members = (isHere: (name: string) => boolean) => {
      const part = Object.create(null);
      for (const name of Object.keys(given).filter(isHere)) {
        // A getter, because the writer must not read the value of an excluded member.
        Object.defineProperty(part, name, { enumerable: true, get: () => given[name] });
      }
      return canonicalText(part, writeOptions(maxDepth, selection, this.#watcher));
    };
    const before = members((name) => name < list);
    const after = members((name) => name > list);
    this.#tail = encoder.encode(after === '{}' ? ']}' : `],${after.slice(1)}`);
    this.#digester = createDigester(identity.format.hmac);
    const prefix = identity.prefix();
    if (prefix !== undefined) this.#digester.update(prefix);
    const name = canonicalText(list, writeOptions(maxDepth));
    this.#digester.update(
      encoder.encode(`${before.slice(0, -1)}${before === '{}' ? '' : ','}${name}:[`),
    );
    this.#add(messages, false);
  }

  get length(): number {
    return this.#length;
  }

  get key(): Key {
    this.#watcher.finish();
    const whole = this.#digester.clone();
    whole.update(this.#tail);
    return toKey(KEY_PREFIX + toHex(whole.finish()), this.#identity.format.bits);
  }

  append(...messages: unknown[]): Key {
    this.#add(messages, true);
    return this.key;
  }

  /** With `isKeyed` it throws before it adds anything, if the conversation then has no key. */
  #add(messages: readonly unknown[], isKeyed: boolean): void {
    if (this.#isBusy) {
      fail(Error, 'SAMEKEY_BAD_STATE', 'Cannot append while a message appends');
    }
    this.#isBusy = true;
    try {
      const { hasIncluded } = this.#watcher;
      // Messages without anything to include may not be added after all.
      const digester = hasIncluded ? this.#digester : this.#digester.clone();
      const sink = new ElementsSink(digester, this.#isEmpty);
      const watcher = watch(this.#identity);
      const options = {
        maxDepth: this.#identity.maxDepth,
        selection: this.#selection,
        trace: watcher,
        at: [this.#list],
        firstIndex: this.#length,
      };
      const isEmpty = writeCanonical(messages, options, sink);
      if (!hasIncluded) {
        if (isKeyed) watcher.finish();
        this.#watcher = watcher;
      }
      this.#isEmpty = isEmpty;
      this.#digester = sink.digester;
      this.#length += messages.length;
    } finally {
      this.#isBusy = false;
    }
  }
}

const COMMA = /* @__PURE__ */ Uint8Array.of(0x2c);

/**
 * Digests the elements of an array without its brackets, after a comma if there are earlier ones.
 */
class ElementsSink implements CanonicalSink<boolean> {
  digester: Digester;
  #isEmpty: boolean;
  #isFirst = true;

  constructor(digester: Digester, isEmpty: boolean) {
    this.digester = digester;
    this.#isEmpty = isEmpty;
  }

  chunk(bytes: Uint8Array, start: number, end: number): void {
    // The rest may be invalid. Until then the digester of the conversation must stay unchanged.
    if (this.#isFirst) this.digester = this.digester.clone();
    this.#feed(bytes, start, end);
  }

  /** Returns whether the list is still empty. */
  last(bytes: Uint8Array, start: number, end: number): boolean {
    this.#feed(bytes, start, end - 1);
    return this.#isEmpty;
  }

  #feed(bytes: Uint8Array, start: number, end: number): void {
    const from = this.#isFirst ? start + 1 : start;
    if (from < end) {
      if (this.#isFirst && !this.#isEmpty) this.digester.update(COMMA);
      this.digester.update(bytes.subarray(from, end));
      this.#isEmpty = false;
    }
    this.#isFirst = false;
  }
}

function toJson(value: unknown, key: string): unknown {
  const { toJSON } = Object(value) as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value, key) : value;
}

function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Returns a conversation that starts with `request`, an object with a list. The list is `messages`
 * by default; `list` can name another member, such as `input` or `contents`. The key equals `keyOf`
 * of the whole request. But each turn only digests the new messages and the members after the
 * list, not the earlier turns.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` if there is no such list.
 * @throws {RangeError} `SAMEKEY_BAD_IDENTITY` if the identity excludes the list, replaces it by its
 * digest, selects its elements from the end, or has a time window. Other errors as `keyOf`.
 * @example
 * const conversation = createConversation({ model: 'm', messages: [{ role: 'user', content: 'Hi' }] });
 * const key = conversation.append({ role: 'assistant', content: 'Hello!' });
 * const messages = [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'Hello!' }];
 * key === keyOf({ model: 'm', messages }); // true
 */
export function createConversation(
  request: object,
  identity?: IdentityLike,
  list = 'messages',
): Conversation {
  const compiled = compileIdentity(identity);
  const refuse = (what: string): never =>
    fail(RangeError, 'SAMEKEY_BAD_IDENTITY', `Cannot follow the conversation: ${what}`);
  if (compiled.isMoving) refuse('the identity has a time window');
  const value = toJson(request, '');
  const members = Object(value) as Record<string, unknown>;
  const isObject = members === value && !Array.isArray(members);
  if (isObject && !isPlain(members) && !hasMembers(members)) refuseType(members, []);
  const isThere = isObject && Object.keys(members).includes(list);
  const messages = isThere ? toJson(members[list], list) : undefined;
  if (!Array.isArray(messages)) {
    return fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot follow the conversation: its ${quote(list)} is ${nameOf(messages)}, wanted an array`,
    );
  }
  const selection = compiled.selection?.member(list);
  if (compiled.selection?.isReference || selection?.isReference) {
    refuse(`the identity puts a digest in place of ${quote(list)}`);
  }
  if (
    selection !== undefined &&
    (selection.excludedBy !== undefined || !(selection.isInside || selection.mayLeadInside))
  ) {
    refuse(`the identity leaves ${quote(list)} out`);
  }
  const fromEnd = ({ start = 0, end = 0, step }: Slice) => step < 0 || start < 0 || end < 0;
  if (selection?.slices.some(fromEnd)) {
    refuse(`the identity has a path that counts from the end of ${quote(list)}, which moves`);
  }
  return new GrowingConversation(members, messages, compiled, list);
}
