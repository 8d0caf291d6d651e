import { Choices } from '../../src/store/conformance/choices.js';
import type {
  ClaimRequest,
  ClaimResult,
  Completion,
  Store,
  StoreRecord,
} from '../../src/store/store.js';
import * as transition from '../../src/store/transition.js';

/** A store whose clock is set for every call. */
export interface ClockedStore {
  /** The store for the next call of a key, which uses this time. */
  at(key: string, nowUs: number): Store;
  end(): Promise<void>;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

type Call =
  | { readonly type: 'claim'; readonly request: ClaimRequest }
  | { readonly type: 'renew'; readonly owner: string; readonly leaseMs: number }
  | { readonly type: 'complete'; readonly owner: string; readonly completion: Completion }
  | { readonly type: 'release'; readonly owner: string }
  | { readonly type: 'evict' | 'read' };

type Reply =
  | boolean
  | ClaimResult
  | { readonly record: StoreRecord | undefined; readonly nowMs: number };

const START_MS = 1_700_000_000_000;
const CALLS = 20;
const OWNERS = 5;
const READ: Call = { type: 'read' };
const CALL_TYPES: readonly Call['type'][] = [
  ...(['claim', 'claim', 'renew', 'complete', 'complete'] as const),
  ...(['release', 'release', 'release', 'evict'] as const),
];

/**
 * Sends one random sequence of calls to a store and to the rules. If an answer or the record after it
 * differs, returns the calls; the last line shows the difference.
 */
export async function firstDifference(
  store: ClockedStore,
  seed: number,
): Promise<string | undefined> {
  const key = `key-${seed}`;
  const choices = new Choices(seed);
  const rules = new RecordByRules();
  const tokens = new TokenPairs();
  const owners: ClaimRequest[] = [];
  const lines: string[] = [];
  let nowMs = START_MS;
  for (let count = 0; count < CALLS; count++) {
    if (choices.percent(50)) {
      // The rules do not say whether an expired record returns when the clock is set back.
      const leaseLeftMs = (rules.current?.leaseEndsAtMs ?? nowMs) - nowMs;
      const byMs = choices.percent(60) ? Math.max(0, leaseLeftMs) : choices.whole(-20, 40);
      nowMs = Math.max(nowMs + byMs, rules.expiredAtMs);
    }
    for (const call of [chooseCall(choices, owners, rules.current), READ]) {
      const wanted = rules.answer(call, nowMs);
      // Each call takes a microsecond, as on a server, because fencing tokens contain it.
      const nowUs = nowMs * 1000 + count;
      const reply = await send(store.at(key, nowUs), key, call);
      lines.push(`${nowMs - START_MS} ms: ${JSON.stringify(call, showBytes)}`);
      const [shown, shownWanted] = [show(reply), show(wanted)];
      if (shown !== shownWanted || !tokens.match(tokenIn(wanted), tokenIn(reply))) {
        lines.push(`answered ${shown}, token ${tokenIn(reply)}`);
        lines.push(`wanted   ${shownWanted}, token ${tokenIn(wanted)}`);
        return `Seed ${seed}:\n${lines.join('\n')}`;
      }
    }
  }
  return undefined;
}

/** Half of the calls other than claims come from the current owner, so that most have an effect. */
function chooseCall(
  choices: Choices,
  owners: ClaimRequest[],
  current: StoreRecord | undefined,
): Call {
  const isNew = owners.length < OWNERS && (owners.length === 0 || choices.percent(35));
  if (isNew) {
    // Most claims are granted, because stores may differ in takeovers of takeovers.
    const request: Writable<ClaimRequest> = {
      owner: `owner ${owners.length}`,
      leaseMs: choices.whole(1, 20),
      ttlMs: choices.whole(1, choices.percent(80) ? 300 : 20),
      fingerprint: choices.one([undefined, undefined, undefined, 'a', 'a', 'b']),
      takeUnknown: choices.percent(85),
      takeFinished: choices.percent(70),
    };
    // The last owner names whose result it may replace, that of the current record or of another owner.
    if (owners.length === OWNERS - 1) {
      request.finishedOwner = request.ttlMs % 2 === 0 ? current?.owner : 'owner 0';
    }
    owners.push(request);
    return { type: 'claim', request };
  }
  const type = choices.one(CALL_TYPES);
  const its = choices.percent(50) && owners.find(({ owner }) => owner === current?.owner);
  const request = its || choices.one(owners);
  const { owner } = request;
  switch (type) {
    case 'claim':
      return { type, request };
    case 'renew':
      return { type, owner, leaseMs: choices.percent(30) ? 0 : choices.whole(1, 40) };
    case 'complete': {
      const state = choices.one(['done', 'failed'] as const);
      const payload = Uint8Array.from({ length: choices.whole(0, 3) }, () =>
        choices.one([0, 10, 128, 255]),
      );
      const ttlMs = choices.whole(1, choices.percent(80) ? 300 : 20);
      return { type, owner, completion: { state, codec: owner, payload, ttlMs } };
    }
    case 'release':
      return { type, owner };
    default:
      return { type: 'evict' };
  }
}

function send(store: Store, key: string, call: Call): Promise<Reply> {
  switch (call.type) {
    case 'claim':
      return store.claim(key, call.request);
    case 'renew':
      return store.renew(key, call.owner, call.leaseMs);
    case 'complete':
      return store.complete(key, call.owner, call.completion);
    case 'release':
      return store.release(key, call.owner);
    case 'evict':
      return store.evict(key);
    case 'read':
      return store.read(key);
  }
}

/** One key, by the rules alone. */
class RecordByRules {
  /** The clock must not be set back before this. */
  expiredAtMs = 0;
  #kept: transition.StoredRecord | undefined;
  #passedToken = 0;

  get current(): StoreRecord | undefined {
    return this.#kept;
  }

  answer(call: Call, nowMs: number): Reply {
    for (let each = this.#kept; each !== undefined; each = each.former) {
      if (each.expiresAtMs <= nowMs) {
        this.expiredAtMs = Math.max(this.expiredAtMs, each.expiresAtMs);
      }
    }
    const old = this.#kept;
    switch (call.type) {
      case 'claim': {
        const record = transition.claimed(old, call.request, nowMs, this.#passedToken);
        const claimed = record !== undefined;
        const current = transition.withoutFormer(this.#keep(record ?? old) as StoreRecord);
        return { claimed, record: current, nowMs };
      }
      case 'renew':
        return this.#change(transition.renewed(old, call.owner, call.leaseMs, nowMs));
      case 'complete':
        return this.#change(transition.completed(old, call.owner, call.completion, nowMs));
      case 'release':
        if (old === undefined || !transition.isReleasable(old, call.owner, nowMs)) return false;
        this.#keep(transition.restored(old, nowMs));
        return true;
      case 'evict':
        if (!transition.isEvictable(old, nowMs)) return false;
        this.#keep(undefined);
        return true;
      case 'read': {
        const record = transition.unexpired(old, nowMs);
        return { record: record && transition.withoutFormer(record), nowMs };
      }
    }
  }

  #change(record: transition.StoredRecord | undefined): boolean {
    if (record !== undefined) this.#keep(record);
    return record !== undefined;
  }

  #keep(record: transition.StoredRecord | undefined): transition.StoredRecord | undefined {
    this.#passedToken = Math.max(this.#passedToken, this.#kept?.fencingToken ?? 0);
    this.#kept = record;
    return record;
  }
}

/**
 * Fencing tokens depend on the deleted records that a store remembers, so two stores may grant different
 * tokens. The same claim must have the same token.
 */
class TokenPairs {
  readonly #byRules = new Map<number, number>();
  readonly #byStore = new Map<number, number>();

  match(rules: number | undefined, store: number | undefined): boolean {
    if (rules === undefined || store === undefined) return rules === store;
    const [known, knownBack] = [this.#byRules.get(rules), this.#byStore.get(store)];
    if (known === undefined && knownBack === undefined) {
      this.#byRules.set(rules, store);
      this.#byStore.set(store, rules);
      return true;
    }
    return known === store && knownBack === rules;
  }
}

const tokenIn = (reply: Reply) =>
  typeof reply === 'boolean' ? undefined : reply.record?.fencingToken;

function show(reply: Reply): string {
  if (typeof reply === 'boolean') return String(reply);
  const { record, nowMs } = reply;
  const answer = 'claimed' in reply ? `claimed: ${reply.claimed}, ` : '';
  return `${answer}at ${nowMs - START_MS} ms: ${record === undefined ? 'nothing' : showRecord(record)}`;
}

function showRecord(record: StoreRecord): string {
  const { state, owner, attempt, fingerprint, codec, payload, finishedAtMs } = record;
  const times = [record.claimedAtMs, record.leaseEndsAtMs, record.expiresAtMs].map(
    (ms) => ms - START_MS,
  );
  return JSON.stringify([
    ...[state, owner, attempt, fingerprint ?? null, codec ?? null, ...times],
    finishedAtMs === undefined ? null : finishedAtMs - START_MS,
    payload === undefined ? null : [...payload],
  ]);
}

const showBytes = (_: string, value: unknown) => (value instanceof Uint8Array ? [...value] : value);
