import { fail, quote } from '../../errors/errors.js';
import { clearTimer, setTimer, wallClockMs } from '../../runtime/runtime.js';
import { fromOneLine } from '../one-line.js';
import type { ClaimRequest, Completion, StoreRecord } from '../store.js';
import * as transition from '../transition.js';
import { Watchers } from '../watchers.js';
import { CONTENT_TYPE, fromFrame, type RecordHead, toFrame, toHead, VERSION } from './frame.js';
import type { ObjectState } from './platform.js';
import { Records } from './records.js';

/** How long a request of a waiting caller is held. A caller that has gone may not be noticed earlier. */
const HELD_MS = 20_000;
/** The time between two sweeps, at least. */
const SWEEP_INTERVAL_MS = 60 * 60 * 1000;
/** How many records, and about how many bytes of results, one page of `list` has. */
const PAGE_RECORDS = 100;
const PAGE_BYTES = 4 * 1024 * 1024;

/** The head of a request. */
export type Question = readonly [version: number, method: string, key: string, ...args: unknown[]];
/** The head of an answer. */
export type Answer =
  | readonly ['ok', ...answer: unknown[]]
  | readonly ['error', name: string, code: string | null, message: string];

/**
 * The class of the Durable Objects that keep the records: one object for each shard. A Worker exports it,
 * and `wrangler.jsonc` names it in `durable_objects` and in `new_sqlite_classes`. Only
 * `durableObjectStore` talks to it.
 *
 * An object decides about a claim in one synchronous step. Its answer leaves only when the change is on
 * the disk. It keeps nothing in memory but the callers that wait, so it may be evicted at any time.
 */
export class SamekeyObject {
  /** For `DurableObjectNamespace<SamekeyObject>` of Cloudflare's types. There is no such member. */
  declare readonly __DURABLE_OBJECT_BRAND: never;
  readonly #storage: ObjectState['storage'];
  readonly #records: Records;
  readonly #watchers = new Watchers();
  #hasAlarm = false;
  #latestMs = 0;

  constructor(state: ObjectState, _env?: unknown) {
    this.#storage = state.storage;
    this.#records = new Records(state.storage);
  }

  /** Answers a call of `durableObjectStore`. */
  async fetch(request: Request): Promise<Response> {
    // First the whole body: other requests are answered while it arrives, and none after it.
    const body = await request.arrayBuffer();
    let answer: Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
    try {
      const { question, payload } = toQuestion(body);
      answer =
        question[1] === 'watch'
          ? this.#watch(question, request.signal)
          : this.#answer(question, payload);
      if (answer instanceof Promise) answer = await answer;
    } catch (error) {
      const { name, code, message } = error as Error & { code?: unknown };
      const told = typeof code === 'string' ? code : null;
      answer = toFrame(['error', name, told, String(message)] satisfies Answer);
    }
    return new Response(answer, { headers: { 'content-type': CONTENT_TYPE } });
  }

  /** Deletes the records that expired long ago. The platform calls it. */
  async alarm(): Promise<void> {
    const nowMs = this.#nowMs();
    const firstMs = this.#records.sweep(nowMs);
    this.#hasAlarm = firstMs !== undefined;
    if (firstMs === undefined) return;
    // More may have to go than one alarm deletes.
    const isBehind = firstMs <= nowMs;
    await this.#storage.setAlarm(
      isBehind ? nowMs + 1000 : Math.max(firstMs, nowMs + SWEEP_INTERVAL_MS),
    );
  }

  #answer([, method, key, a, b]: Question, payload: Uint8Array): Uint8Array<ArrayBuffer> {
    switch (method) {
      case 'claim':
        return this.#claim(key, a as ClaimRequest);
      case 'renew':
        return ok(this.#renew(key, a as string, b as number));
      case 'complete':
        return ok(this.#complete(key, a as string, b as Omit<Completion, 'payload'>, payload));
      case 'release':
        return ok(this.#release(key, a as string));
      case 'evict':
        return ok(this.#evict(key));
      case 'read':
        return this.#read(key);
      case 'list':
        return this.#list(a as string | null);
      default:
        return refuse(`${quote(String(method))} is no call`);
    }
  }

  #claim(key: string, sent: ClaimRequest): Uint8Array<ArrayBuffer> {
    // JSON has no `undefined`.
    const request = { ...sent, fingerprint: sent.fingerprint ?? undefined };
    const nowMs = this.#nowMs();
    const old = this.#records.get(key);
    const record = transition.claimed(old, request, nowMs);
    if (record === undefined) return this.#toAnswer(key, old, nowMs, false);
    if (record !== old) {
      this.#records.set(key, old === undefined, record);
      if (!this.#hasAlarm) this.#ensureAlarm(nowMs);
    }
    return this.#toAnswer(key, record, nowMs, true);
  }

  #renew(key: string, owner: string, leaseMs: number): boolean {
    const record = transition.renewed(this.#records.get(key), owner, leaseMs, this.#nowMs());
    if (record === undefined) return false;
    this.#records.set(key, false, record);
    if (leaseMs === 0) this.#watchers.notify(key);
    return true;
  }

  #complete(
    key: string,
    owner: string,
    outcome: Omit<Completion, 'payload'>,
    payload: Uint8Array,
  ): boolean {
    const old = this.#records.get(key);
    const record = transition.completed(old, owner, { ...outcome, payload }, this.#nowMs());
    if (record === undefined) return false;
    if (record !== old) {
      this.#records.set(key, false, record, payload);
      this.#watchers.notify(key);
    }
    return true;
  }

  #release(key: string, owner: string): boolean {
    const nowMs = this.#nowMs();
    const old = this.#records.get(key);
    if (old === undefined || !transition.isReleasable(old, owner, nowMs)) return false;
    const record = transition.restored(old, nowMs);
    if (record === undefined) this.#records.delete(key, old, nowMs);
    else this.#records.set(key, false, record);
    this.#watchers.notify(key);
    return true;
  }

  #evict(key: string): boolean {
    const nowMs = this.#nowMs();
    const old = this.#records.get(key);
    if (old === undefined || !transition.isEvictable(old, nowMs)) return false;
    this.#records.delete(key, old, nowMs);
    this.#watchers.notify(key);
    return true;
  }

  #read(key: string): Uint8Array<ArrayBuffer> {
    const nowMs = this.#nowMs();
    return this.#toAnswer(key, transition.unexpired(this.#records.get(key), nowMs), nowMs);
  }

  /** A page of records, and the key after which the next page begins, if there is one. */
  #list(after: string | null): Uint8Array<ArrayBuffer> {
    const nowMs = this.#nowMs();
    const entries: [key: string, head: RecordHead, byteCount: number][] = [];
    const payloads: Uint8Array[] = [];
    let byteCount = 0;
    const page = this.#records.page(after, PAGE_RECORDS);
    for (const { textKey, record } of page) {
      if (transition.unexpired(record, nowMs) !== undefined) {
        const key = fromOneLine(textKey);
        const payload =
          record.state === 'running' ? new Uint8Array() : this.#records.payloadOf(key);
        entries.push([key, toHead(transition.withoutFormer(record)), payload.length]);
        payloads.push(payload);
        byteCount += payload.length;
      }
      if (byteCount >= PAGE_BYTES) return toFrame(['ok', entries, textKey], payloads);
    }
    const next = page.length < PAGE_RECORDS ? null : page.at(-1)?.textKey;
    return toFrame(['ok', entries, next], payloads);
  }

  /**
   * Answers when the record is not, or no longer, at the version that the caller knows, and otherwise
   * after `HELD_MS`. The version follows from the record, so it is the same after an eviction.
   */
  async #watch([, , key, known]: Question, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const version = this.#versionOf(key);
    if (version !== known) return ok(version);
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimer(timer);
        unwatch();
        resolve();
      };
      const timer = setTimer(end, HELD_MS);
      const unwatch = this.#watchers.add(key, end);
      // With the flag `enable_request_signal`, an abort of the caller reaches the object.
      signal?.addEventListener('abort', end);
    });
    return ok(this.#versionOf(key));
  }

  #versionOf(key: string): string {
    const nowMs = this.#nowMs();
    const record = this.#records.get(key);
    if (record === undefined) return '';
    const { owner, fencingToken } = record;
    // A record that came and went leaves another token.
    if (transition.unexpired(record, nowMs) === undefined) return `absent ${fencingToken}`;
    const state = transition.isUnknown(record, nowMs) ? 'unknown' : record.state;
    return `${state} ${fencingToken} ${owner}`;
  }

  #toAnswer(
    key: string,
    record: StoreRecord | undefined,
    nowMs: number,
    ...more: unknown[]
  ): Uint8Array<ArrayBuffer> {
    if (record === undefined) return toFrame(['ok', nowMs, null, ...more]);
    const head = toHead(transition.withoutFormer(record));
    const payload = record.state === 'running' ? [] : [this.#records.payloadOf(key)];
    return toFrame(['ok', nowMs, head, ...more], payload);
  }

  /** The wall clock of the machine, which an object sees as never going back. */
  #nowMs(): number {
    this.#latestMs = Math.max(this.#latestMs, wallClockMs());
    return this.#latestMs;
  }

  #ensureAlarm(nowMs: number): void {
    this.#hasAlarm = true;
    const ensure = async () => {
      if ((await this.#storage.getAlarm()) !== null) return;
      await this.#storage.setAlarm(nowMs + SWEEP_INTERVAL_MS);
    };
    // The next new record tries again.
    ensure().catch(() => {
      this.#hasAlarm = false;
    });
  }
}

const ok = (...answer: unknown[]) => toFrame(['ok', ...answer]);

function toQuestion(body: ArrayBuffer): { question: Question; payload: Uint8Array } {
  let frame: ReturnType<typeof fromFrame>;
  try {
    frame = fromFrame(body);
  } catch {
    return refuse('the body is not from samekey');
  }
  const question = frame.head as unknown as Question;
  if (question[0] !== VERSION) refuse(`version ${question[0]} is unknown`);
  return { question, payload: frame.payload };
}

function refuse(what: string): never {
  fail(
    TypeError,
    'SAMEKEY_BAD_CLIENT',
    `Cannot answer in the Durable Object: ${what}, wanted a call of durableObjectStore of the same version of samekey`,
  );
}
