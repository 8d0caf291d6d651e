import type { HistoryEvent } from './history.js';

/** The violations. `checker.test.ts` has a bad history for each. */
export const VIOLATIONS = {
  overlap: 'a claim was granted while the lease of another owner was certainly valid',
  rerun: 'the function ran again although its result had been acknowledged as kept',
  lost: 'a result that had been acknowledged as kept was gone when the faults were over',
  twoValues: 'two callers got different values, with no evict, fresh call or expiry between',
  stale: 'a call that began after a newer result was kept got an older one',
  heldRerun: "with onUnknown 'hold' the function ran again after a run of unknown outcome",
  unanswered: 'a call was not answered though its store had been back for long enough',
  token: 'a later claim got a fencing token that was not larger',
  foreign: 'a caller got a value that no run of its key had made',
  crash: 'a process ended by itself',
} as const;

export type Violation = keyof typeof VIOLATIONS;

export interface CheckOptions {
  readonly ttlMs: number;
  /** Keys that were called with `onUnknown: 'hold'`. */
  readonly isHeld?: (key: string) => boolean;
}

export interface Verdict {
  readonly keys: number;
  /** Calls, evictions included. */
  readonly operations: number;
  readonly runs: number;
  /** The keys with the violation, each once; for `crash` the processes and their standard error. */
  readonly violations: Readonly<Record<Violation, readonly string[]>>;
  /** Keys with a second run that `leaseMs` explains: an owner died, or did not renew its lease. */
  readonly takenOver: readonly string[];
  /** Callers received a result that the store never acknowledged, and the key ran again. */
  readonly unkept: readonly string[];
  /** Counts of error codes and events. */
  readonly seen: Readonly<Record<string, number>>;
}

type Of<Type extends HistoryEvent['type']> = Extract<HistoryEvent, { type: Type }>;

interface Run {
  readonly event: Of<'run'>;
  readonly claim: Of<'claim'>;
  /** When it ended or its process died; infinite before that. */
  endedAt: number;
  threw: boolean;
  /** When its result was first sent to the store, and when the store had confirmed it. */
  completeSentAt: number;
  keptAt: number;
  /** The store answered that another owner has the key. */
  wasRefused: boolean;
  /** The values that callers received from it. */
  readonly answers: Of<'answer'>[];
}

/** A period in which a finished record may have been removed on purpose. */
interface Removal {
  readonly from: number;
  to: number;
  readonly call: string;
}

/** Stores count in whole milliseconds. */
const ROUNDING_MS = 2;

class KeyHistory {
  readonly claims: Of<'claim'>[] = [];
  readonly grants: (Of<'claim'> | Of<'renewed'>)[] = [];
  readonly endings = new Map<string, number>();
  readonly runs: Run[] = [];
  readonly removals: Removal[] = [];
  readonly calls: { call: Of<'call'>; answer: Of<'answer'> | undefined }[] = [];

  /** The time until which the lease of `owner` certainly holds, seen at `at`. */
  certainUntil(owner: string, at: number): number {
    if ((this.endings.get(owner) ?? Number.POSITIVE_INFINITY) <= at) return 0;
    return Math.max(
      0,
      ...this.grants
        .filter((grant) => grant.owner === owner && grant.sentAt <= at)
        .map((grant) => grant.sentAt + grant.leaseMs),
    );
  }

  isRemovedBetween(from: number, to: number, exceptCall?: string): boolean {
    return this.removals.some(
      (removal) => removal.call !== exceptCall && removal.from <= to && removal.to >= from,
    );
  }
}

/** Checks a history, whose events are in order of time. */
export function check(events: readonly HistoryEvent[], options: CheckOptions): Verdict {
  const found = new Map<Violation, Set<string>>();
  const add = (violation: Violation, key: string) => {
    const keys = found.get(violation) ?? new Set();
    found.set(violation, keys.add(key));
  };
  const takenOver = new Set<string>();
  const unkept = new Set<string>();
  const { histories, unanswered, crashes, seen, operations } = collect(events);
  for (const key of unanswered) add('unanswered', key);
  for (const crash of crashes) add('crash', crash);
  let runCount = 0;
  for (const [key, history] of histories) {
    runCount += history.runs.length;
    const isHeld = options.isHeld?.(key) ?? false;
    checkClaims(
      history,
      () => add('overlap', key),
      () => add('token', key),
    );
    checkRuns(history, options.ttlMs, isHeld, {
      add: (violation) => add(violation, key),
      takenOver: () => takenOver.add(key),
    });
    checkValues(history, options.ttlMs, {
      add: (violation) => add(violation, key),
      unkept: () => unkept.add(key),
    });
  }
  return {
    keys: histories.size,
    operations,
    runs: runCount,
    violations: Object.fromEntries(
      Object.keys(VIOLATIONS).map((name) => [name, [...(found.get(name as Violation) ?? [])]]),
    ) as unknown as Verdict['violations'],
    takenOver: [...takenOver],
    unkept: [...unkept],
    seen,
  };
}

function collect(events: readonly HistoryEvent[]) {
  const histories = new Map<string, KeyHistory>();
  const of = (key: string) => {
    let history = histories.get(key);
    if (history === undefined) {
      history = new KeyHistory();
      histories.set(key, history);
    }
    return history;
  };
  const runs = new Map<string, Run>();
  const byOwner = new Map<string, Run>();
  const byToken = new Map<string, Of<'claim'>>();
  const calls = new Map<string, { call: Of<'call'>; answer: Of<'answer'> | undefined }>();
  const removals = new Map<string, Removal>();
  const killed = new Set<string>();
  const crashed: string[] = [];
  const crashes: string[] = [];
  const seen: Record<string, number> = {};
  const count = (what: string) => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  let operations = 0;
  let endAt: number | undefined;
  for (const event of events) {
    switch (event.type) {
      case 'call': {
        operations++;
        const entry = { call: event, answer: undefined };
        calls.set(event.call, entry);
        of(event.key).calls.push(entry);
        if (event.fresh) {
          const removal = { from: event.at, to: Number.POSITIVE_INFINITY, call: event.call };
          removals.set(event.call, removal);
          of(event.key).removals.push(removal);
        }
        break;
      }
      case 'answer': {
        const entry = calls.get(event.call);
        if (entry !== undefined) entry.answer = event;
        const removal = removals.get(event.call);
        if (removal !== undefined) removal.to = event.at;
        if (event.code !== undefined) count(event.code);
        break;
      }
      case 'claim':
        of(event.key).claims.push(event);
        of(event.key).grants.push(event);
        byToken.set(`${event.key} ${event.process} ${event.token}`, event);
        break;
      case 'renewed':
        of(event.key).grants.push(event);
        break;
      case 'ending': {
        const { endings } = of(event.key);
        if (!endings.has(event.owner)) endings.set(event.owner, event.at);
        const run = byOwner.get(event.owner);
        if (run !== undefined) run.completeSentAt = Math.min(run.completeSentAt, event.at);
        break;
      }
      case 'run': {
        const claim = byToken.get(`${event.key} ${event.process} ${event.token}`);
        // A run cannot start without a claim, so the recording is wrong.
        if (claim === undefined) throw new Error(`run ${event.run} has no claim`);
        const run: Run = {
          event,
          claim,
          endedAt: Number.POSITIVE_INFINITY,
          threw: false,
          completeSentAt: Number.POSITIVE_INFINITY,
          keptAt: Number.POSITIVE_INFINITY,
          wasRefused: false,
          answers: [],
        };
        runs.set(event.run, run);
        byOwner.set(claim.owner, run);
        of(event.key).runs.push(run);
        break;
      }
      case 'ran': {
        const run = runs.get(event.run);
        if (run !== undefined) Object.assign(run, { endedAt: event.at, threw: event.threw });
        break;
      }
      case 'completed': {
        const run = byOwner.get(event.owner);
        if (run === undefined) break;
        if (event.isKept) run.keptAt = Math.min(run.keptAt, event.at);
        else run.wasRefused = true;
        break;
      }
      case 'evict': {
        operations++;
        const removal = { from: event.at, to: Number.POSITIVE_INFINITY, call: event.call };
        removals.set(event.call, removal);
        of(event.key).removals.push(removal);
        break;
      }
      case 'evicted': {
        const removal = removals.get(event.call);
        if (removal !== undefined) removal.to = event.at;
        break;
      }
      case 'killed':
        killed.add(event.process);
        break;
      case 'crashed':
        crashed.push(event.process);
        crashes.push(`${event.process}: ${event.why}`);
        break;
      case 'told':
        count(event.what);
        break;
      case 'end':
        endAt = event.at;
    }
  }
  for (const { call, answer } of calls.values()) {
    if (answer?.run === undefined) continue;
    const run = runs.get(answer.run);
    run?.answers.push(answer);
    // A caller that did not run it received it from the store, so the store had it.
    if (run !== undefined && answer.layer === 'store' && run.event.call !== call.call) {
      run.keptAt = Math.min(run.keptAt, answer.at);
      run.completeSentAt = Math.min(run.completeSentAt, answer.at);
    }
  }
  const ended = new Set([...killed, ...crashed]);
  const unanswered = [...calls.values()]
    .filter(({ call, answer }) => answer === undefined && !ended.has(call.process))
    .filter(({ call }) => endAt !== undefined && call.at < endAt)
    .map(({ call }) => call.key);
  return { histories, unanswered, crashes, seen, operations };
}

function checkClaims(history: KeyHistory, overlap: () => void, token: () => void) {
  const { claims } = history;
  for (const [index, later] of claims.entries()) {
    for (const earlier of claims.slice(0, index)) {
      // The same claim, sent again after its reply was lost.
      if (earlier.owner === later.owner || earlier.at > later.sentAt) continue;
      if (later.token <= earlier.token) token();
      // Released before its reply arrived: the former record was restored, and no function ran.
      if ((history.endings.get(later.owner) ?? Number.POSITIVE_INFINITY) <= later.at) continue;
      if (history.certainUntil(earlier.owner, later.at) > later.at + ROUNDING_MS) overlap();
    }
  }
}

function checkRuns(
  history: KeyHistory,
  ttlMs: number,
  isHeld: boolean,
  report: { add(violation: Violation): void; takenOver(): void },
) {
  const { runs } = history;
  for (const [index, later] of runs.entries()) {
    const { claim } = later;
    if (claim.takesFinished) continue;
    const isAudit = history.calls.some(
      ({ call }) => call.call === later.event.call && call.audit === true,
    );
    for (const earlier of runs.slice(0, index)) {
      if (earlier.claim.owner === claim.owner || earlier.claim.at > claim.sentAt) continue;
      const from = Math.min(earlier.completeSentAt, earlier.endedAt);
      const isExpired = claim.at - earlier.completeSentAt >= ttlMs;
      if (earlier.keptAt <= claim.sentAt) {
        if (!isExpired && !history.isRemovedBetween(from, claim.at, earlier.event.call)) {
          report.add(isAudit ? 'lost' : 'rerun');
        }
        continue;
      }
      if (earlier.threw || isExpired) continue;
      report.takenOver();
      if (isHeld && !history.isRemovedBetween(earlier.event.at, claim.at, earlier.event.call)) {
        report.add('heldRerun');
      }
    }
  }
}

function checkValues(
  history: KeyHistory,
  ttlMs: number,
  report: { add(violation: Violation): void; unkept(): void },
) {
  const answered = history.runs
    .filter(({ answers }) => answers.length > 0)
    .sort((a, b) => a.claim.at - b.claim.at);
  for (const [index, later] of answered.entries()) {
    const earlier = answered[index - 1];
    if (earlier === undefined || later.claim.takesFinished) continue;
    const from = Math.min(earlier.completeSentAt, earlier.endedAt);
    if (later.claim.at - from >= ttlMs) continue;
    if (history.isRemovedBetween(from, later.claim.at, earlier.event.call)) continue;
    // The store never confirmed this result. Only its own callers received it.
    if (earlier.keptAt === Number.POSITIVE_INFINITY && !earlier.wasRefused) report.unkept();
    else report.add('twoValues');
  }
  for (const { call, answer } of history.calls) {
    if (answer?.run === undefined) continue;
    const run = history.runs.find(({ event }) => event.run === answer.run);
    if (run === undefined || answer.ofKey !== call.key) {
      report.add('foreign');
      continue;
    }
    const isStale = history.runs.some(
      (newer) =>
        newer.keptAt < call.at &&
        newer.claim.sentAt > run.claim.at &&
        !history.isRemovedBetween(newer.completeSentAt, answer.at, newer.event.call),
    );
    if (isStale) report.add('stale');
  }
}
