import type { OnceEvent } from '../../src/once/index.js';
import type { StoreRecord } from '../../src/store/store.js';
import { countFaultOf } from './counts.js';
import type { Call, Claim, Eviction, Invariant, Run } from './observed.js';
import { Pace } from './pace.js';
import type { StoreAction } from './simulated-store.js';
import type { Process, World } from './world.js';

/** Observes a world and reports the invariants that do not hold. */
export class Judge {
  readonly #world: World;
  readonly runs: Run[] = [];
  readonly calls: Call[] = [];
  readonly #claims = new Map<string, Claim>();
  readonly #evictions: Eviction[] = [];
  /** When each process last sent a claim. */
  readonly #claimSentAt = new Map<Process, number>();
  readonly #sentAtMs = new Map<string, number>();
  readonly #pace = new Pace();
  readonly #completed = new Set<string>();
  readonly #closed = new Set<Process>();
  readonly #justClosed: Process[] = [];
  /** The sequence number at which promises last settled. */
  #lastTick = 0;
  #lastToken = 0;
  #lastClaim: Claim | undefined;
  /** The attempt of the last run without an outcome. */
  #openAttempt = 0;
  #evictedAt = -1;
  /** Injected faults. Those of renewals are counted separately. */
  faultCount = 0;
  renewFaultCount = 0;
  pauseCount = 0;
  violation: { readonly invariant: Invariant; readonly text: string } | undefined;

  constructor(world: World) {
    this.#world = world;
  }

  violate(invariant: Invariant, text: string): void {
    this.violation ??= { invariant, text };
    this.#world.say(`VIOLATED: ${invariant}: ${text}`);
  }

  #report(invariant: Invariant, fault: string | undefined): void {
    if (fault !== undefined) this.violate(invariant, fault);
  }

  onSent(process: Process, action: StoreAction, owner: string | undefined): void {
    const at = this.#world.sequence;
    if (this.#closed.has(process)) {
      this.violate('close is the end', `${process.name} calls ${action}() after close() resolved`);
    }
    if (action === 'claim') {
      this.#claimSentAt.set(process, at);
      this.#sentAtMs.set(owner as string, this.#world.nowMs);
    }
    const released = action === 'release' ? this.#claims.get(owner as string) : undefined;
    if (released !== undefined) released.isTold = false;
    this.#report(
      'a bounded number of store calls',
      this.#pace.faultOf(process, action, this.#world.nowMs),
    );
    if (action === 'complete' && this.#completed.has(owner as string)) {
      this.violate('a late success counts', `${process.name} writes a result again that is kept`);
    }
  }

  /** The reply of a claim is lost, or is an error. */
  onLostReply(owner: string | undefined): void {
    const claim = this.#claims.get(owner ?? '');
    if (claim !== undefined) claim.hasReply = false;
  }

  onEffect(
    process: Process,
    action: StoreAction,
    owner: string | undefined,
    result: unknown,
    record: StoreRecord | undefined,
  ): void {
    const world = this.#world;
    const before = world.record;
    world.record = record;
    if (before !== undefined && before.expiresAtMs <= world.storeClockMs()) this.#openAttempt = 0;
    world.say(
      `${process.name} ${action}: ${JSON.stringify(result, (name, value) => (name === 'record' || name === 'nowMs' ? undefined : value))}, now ${this.#show(record)}`,
    );
    if (action === 'claim' && (result as { claimed?: boolean } | undefined)?.claimed && record) {
      this.#onGranted(process, record, before);
    }
    if (action === 'complete' && result === true && record !== undefined && before !== record) {
      const run = this.#claims.get(owner as string)?.run;
      if (run !== undefined && run.keptAt === undefined) {
        run.keptAt = world.sequence;
        run.keptAtMs = world.nowMs;
      }
      this.#openAttempt = 0;
    }
    const renewed =
      action === 'renew' && result === true ? this.#claims.get(owner ?? '') : undefined;
    // Requests that were sent earlier cannot be taken back.
    if (renewed !== undefined && this.#closed.has(process)) renewed.isAfterClose = true;
    if (action === 'release' && result === true) {
      if (this.#claims.get(owner as string)?.run !== undefined) this.#openAttempt = 0;
    }
    if (action === 'evict' && result === true) {
      const run =
        before?.state === 'running' ? undefined : this.#claims.get(before?.owner ?? '')?.run;
      this.#evictions.push({ process, run, at: world.sequence, toldAt: undefined });
      this.#openAttempt = 0;
      this.#evictedAt = world.sequence;
    }
  }

  #onGranted(process: Process, record: StoreRecord, before: StoreRecord | undefined): void {
    const { owner, fencingToken: token } = record;
    const known = this.#claims.get(owner);
    if (known !== undefined) return;
    this.#checkReplaced(process, before);
    if (token <= this.#lastToken) {
      this.violate('fencing tokens grow', `a claim got ${token} after ${this.#lastToken}`);
    }
    this.#lastToken = token;
    const { leaseMs = 300 } = process.options;
    const tookMs = this.#world.nowMs - (this.#sentAtMs.get(owner) ?? 0);
    const isVeryLate = tookMs > leaseMs;
    const isAfterClose = this.#closed.has(process);
    const { attempt } = record;
    this.#lastClaim = {
      process,
      owner,
      token,
      attempt,
      isVeryLate,
      isAfterClose,
      hasReply: true,
      isTold: false,
      run: undefined,
    };
    this.#claims.set(owner, this.#lastClaim);
  }

  /** Only a fresh run replaces a result that its process can read. */
  #checkReplaced(process: Process, before: StoreRecord | undefined): void {
    const { configuration } = this.#world;
    const { codec } = process.options;
    if (before === undefined || before.state === 'running') return;
    if (before.expiresAtMs <= this.#world.storeClockMs()) return;
    if (configuration.steps.some((step) => step.does === 'call' && step.fresh)) return;
    // Responses have a codec of their own, which every process has.
    const isUnreadable =
      configuration.layer === undefined &&
      before.state === 'done' &&
      before.codec !== 'json' &&
      before.codec !== (codec && 'name' in codec ? codec.name : undefined);
    if (isUnreadable) return;
    this.violate('a result is not replaced', `${process.name} replaces ${this.#show(before)}`);
  }

  onReply(process: Process, action: StoreAction, owner: string | undefined, result: unknown): void {
    this.#world.say(`${process.name} is told of ${action}`);
    if (action === 'complete' && result === true) this.#completed.add(owner as string);
    const claim = action === 'claim' ? this.#claims.get(owner as string) : undefined;
    if (claim !== undefined && result !== undefined) claim.isTold = true;
  }

  /** The claim under which a process starts a run, if the run does not report it. */
  claimToRun(process: Process): { readonly token: number; readonly attempt: number } | undefined {
    const { record } = this.#world;
    const isFree = (claim: Claim | undefined) =>
      claim?.process === process && claim.run === undefined && claim.isTold;
    if (record?.state === 'running' && isFree(this.#claims.get(record.owner))) {
      return { token: record.fencingToken, attempt: record.attempt };
    }
    return [...this.#claims.values()].reverse().find(isFree);
  }

  onRunStarted(run: Run): void {
    const world = this.#world;
    const { process, token, attempt, call } = run;
    this.runs.push(run);
    call.own = run;
    const name = `run ${run.number} of ${call.label} in ${process.name}`;
    world.say(`${name} starts, attempt ${attempt}`);
    if (run.signal.aborted)
      this.violate('no run without a caller', `${name} has an aborted signal`);
    this.#checkWanted(run, name);
    if (token === 0) return;
    const { record } = world;
    const claim = record && this.#claims.get(record.owner);
    if (
      record?.state !== 'running' ||
      record.fencingToken !== token ||
      record.leaseEndsAtMs <= world.storeClockMs()
    ) {
      this.violate('started under a valid lease', `${name}: there is ${this.#show(record)}`);
    } else if (claim !== undefined) {
      claim.run = run;
    }
    for (const other of this.runs) {
      if (other === run || other.token === 0 || !this.#believes(other)) continue;
      this.violate('one live owner', `${name} starts while run ${other.number} goes on`);
    }
    if (record !== undefined && this.#openAttempt >= attempt) {
      this.violate(
        'attempts are counted',
        `${name} is attempt ${attempt} after attempt ${this.#openAttempt}`,
      );
    }
    this.#openAttempt = attempt;
  }

  /** Whether a run continues although its process could know that its lease has ended. */
  #believes({ process, endedAt, signal, toldAt }: Run): boolean {
    if (endedAt !== undefined || toldAt !== undefined || signal.aborted) return false;
    if (process.isCrashed || process.wasPaused) return false;
    return [...process.timers.keys()].every(({ dueMs }) => dueMs > this.#world.nowMs);
  }

  #checkWanted({ process }: Run, name: string): void {
    const waiting = this.calls.filter(
      (call) => call.process === process && call.answeredAt === undefined,
    );
    // A caller that aborts in the tick in which the run starts aborts at the same time.
    const wanted = waiting.filter(
      ({ abortedAt }) => abortedAt === undefined || abortedAt > this.#lastTick,
    );
    if (wanted.length > 0) return;
    if (process.options.onAbandoned === 'abort') {
      this.violate('no run without a caller', `${name} starts when all callers have left`);
      return;
    }
    // By default a run that has started continues. No run starts for callers that aborted before the claim.
    const sentAt = this.#claimSentAt.get(process) ?? 0;
    const leftAt = Math.max(
      0,
      ...this.calls
        .filter((call) => call.process === process)
        .map(({ abortedAt = 0 }) => abortedAt),
    );
    if (leftAt > 0 && leftAt < sentAt) {
      this.violate('no run without a caller', `${name} was claimed when all callers had left`);
    }
  }

  onRunEnded(run: Run, hasValue: boolean): void {
    run.endedAt = this.#world.sequence;
    run.hasValue = hasValue;
    this.#world.say(`run ${run.number} ends with ${hasValue ? 'a value' : 'an error'}`);
  }

  onEvent(process: Process, event: OnceEvent): void {
    process.events.push(event);
    const { type } = event;
    const token = 'fencingToken' in event ? event.fencingToken : '';
    this.#world.say(`${process.name} tells: ${type} ${token}`);
    if (type === 'executed' || type === 'failed' || type === 'leaseLost') {
      const run = this.runs.find(
        (each) =>
          each.process === process &&
          each.toldAt === undefined &&
          (!('fencingToken' in event) || each.token === event.fencingToken),
      );
      if (run !== undefined) run.toldAt = this.#world.sequence;
      if (
        type === 'executed' &&
        run !== undefined &&
        run.keptAt === undefined &&
        isToldKept(event)
      ) {
        this.violate(
          'unstored results are not replayed',
          `run ${run.number} is told as executed, and is not kept`,
        );
      }
    }
    if (type === 'leaseLost' && this.#isOneRenewal()) {
      this.violate(
        'one failed renewal loses no lease',
        'one renewal failed, and the lease is lost',
      );
    }
  }

  #isOneRenewal(): boolean {
    return this.faultCount === 1 && this.renewFaultCount === 1 && this.pauseCount === 0;
  }

  onCalled(call: Call): void {
    this.calls.push(call);
    this.#world.say(`${call.label} is called in ${call.process.name}`);
  }

  onAborted(call: Call): void {
    call.abortedAt ??= this.#world.sequence;
    this.#world.say(`${call.label} aborts`);
  }

  onAnswer(call: Call): void {
    const world = this.#world;
    const { answer, error, label } = call;
    call.answeredAt = world.sequence;
    if (answer === undefined) {
      world.say(`${label} gets ${error}`);
      this.#checkError(call, error);
      return;
    }
    world.say(`${label} gets run ${answer.run}, ${answer.outcome}, ${answer.layer}`);
    const run = this.runs[answer.run - 1];
    if (run === undefined) return;
    const from = run.call.fingerprint;
    if (from !== undefined && call.fingerprint !== undefined && from !== call.fingerprint) {
      this.violate('own fingerprint only', `${label} of "${call.fingerprint}" gets "${from}"`);
    }
    // A run whose result is being written is still in progress.
    const finishedAt = run.process === call.process ? run.toldAt : (run.keptAt ?? run.toldAt);
    if (call.fresh && finishedAt !== undefined && finishedAt < call.startedAt) {
      this.violate('fresh is fresh', `${label} gets run ${run.number}, finished before its call`);
    }
    if (run === call.own) return;
    // A caller that joins a run in its own process receives its outcome.
    const isUnderWay =
      run.process === call.process && (run.toldAt ?? Number.POSITIVE_INFINITY) >= call.startedAt;
    if (run.keptAtMs !== undefined && !isUnderWay) {
      const { ttlMs = 24 * 60 * 60 * 1000 } = run.process.options;
      if (call.startedAtMs >= run.keptAtMs + ttlMs) {
        this.violate('not after its ttl', `${label} gets run ${run.number}, which has expired`);
      }
    }
    if (answer.outcome === 'replayed' && run.keptAt === undefined) {
      this.violate(
        'unstored results are not replayed',
        `${label} is replayed run ${run.number}, never kept`,
      );
    }
    for (const { process, run: evicted, toldAt } of this.#evictions) {
      if (evicted !== run || process !== call.process || toldAt === undefined) continue;
      if (toldAt < call.startedAt) {
        this.violate(
          'not after evict',
          `${label} gets run ${run.number}, which was evicted before`,
        );
      }
    }
    this.#checkCurrent(call, run);
  }

  /** A call receives the result that was stored when it was made, or a newer one. */
  #checkCurrent(call: Call, run: Run): void {
    const current = this.runs
      .filter(({ keptAt }) => keptAt !== undefined && keptAt < call.startedAt)
      .reduce<Run | undefined>(
        (last, each) => ((last?.keptAt ?? -1) < (each.keptAt as number) ? each : last),
        undefined,
      );
    if (current === undefined || current === run) return;
    if ((run.keptAt ?? -1) > (current.keptAt as number)) return;
    // It joined the run in progress.
    if (run.keptAt === undefined && (run.toldAt ?? Number.POSITIVE_INFINITY) >= call.startedAt)
      return;
    // A newer result of another process is visible after the cache's `ttlMs`.
    if (call.process.options.cache !== false && run.keptAt !== undefined) return;
    this.violate(
      'callers receive the stored result',
      `${call.label} gets run ${run.number} when run ${current.number} is kept`,
    );
  }

  #checkError(call: Call, error: unknown): void {
    const { label, own } = call;
    for (const other of this.calls) {
      if (other !== call && error === other.reason) {
        this.violate(
          'an abort affects its caller only',
          `${label} gets the abort of ${other.label}`,
        );
      }
    }
    if (error === call.reason || own?.hasValue !== true) return;
    const { code } = error as { code?: unknown };
    if (code === 'SAMEKEY_TIMEOUT' || own.call !== call) return;
    // It ended after the loss of its lease was reported.
    if ((own.toldAt ?? Number.POSITIVE_INFINITY) < (own.endedAt as number)) return;
    const hasValue =
      (error as { value?: { run?: unknown } } | undefined)?.value?.run === own.number;
    if (!hasValue) {
      this.violate(
        'nothing is withheld',
        `${label} gets ${code} without what run ${own.number} gave`,
      );
    } else if (
      code === 'SAMEKEY_LEASE_LOST' &&
      this.#lastClaim?.run === own &&
      this.#evictedAt < own.startedAt &&
      this.faultCount === 0
    ) {
      this.violate('nothing is withheld', `${label} gets ${code}, and nobody else has the key`);
    }
  }

  onEvicted(process: Process, isGone: boolean): void {
    this.#world.say(`${process.name} is told that evict gave ${isGone}`);
    if (!isGone) return;
    for (const eviction of this.#evictions) {
      if (eviction.process === process) eviction.toldAt ??= this.#world.sequence;
    }
  }

  onClosed(process: Process): void {
    this.#closed.add(process);
    this.#world.say(`${process.name} is closed`);
    this.#justClosed.push(process);
  }

  isClosed(process: Process): boolean {
    return this.#closed.has(process);
  }

  /** After every action, when all promises have settled. */
  afterAction(): void {
    for (const process of this.#justClosed.splice(0)) {
      for (const [{ label }, { isKeepingAlive }] of process.timers) {
        if (!isKeepingAlive || process.evictCount > 0) continue;
        this.violate('close is the end', `${label} keeps ${process.name} alive after close()`);
      }
    }
    for (const call of this.calls) {
      const { process } = call;
      if (call.abortedAt === undefined || call.answeredAt !== undefined) continue;
      if (process.isPaused || process.isCrashed) continue;
      this.violate('an abort ends the wait', `${call.label} has aborted and still waits`);
    }
    this.#checkLease();
    this.#lastTick = this.#world.sequence;
  }

  /** If a process forgets its lease, all other callers wait for it in vain. */
  #checkLease(): void {
    const world = this.#world;
    const { record } = world;
    if (record?.state !== 'running') return;
    const claim = this.#claims.get(record.owner);
    if (claim === undefined || claim.process.isCrashed || claim.process.isPaused) return;
    if (claim.isAfterClose || (claim.isVeryLate && !claim.hasReply)) return;
    if (claim.run !== undefined && claim.run.endedAt === undefined) return;
    const { process } = claim;
    if (record.leaseEndsAtMs <= world.storeClockMs()) return;
    if (process.client.stats().inFlight > 0) return;
    const isBusy = world.pending.some(
      (action) => action.process === process && ['effect', 'reply'].includes(action.kind),
    );
    if (isBusy || process.timers.size > 0) return;
    this.violate(
      'no lease without an owner',
      `${process.name} has forgotten ${this.#show(record)}`,
    );
  }

  /** At the end of a schedule. */
  atEnd(isQuiet: boolean): void {
    for (const { process, label, answeredAt } of this.calls) {
      if (!process.isCrashed && answeredAt === undefined) {
        this.violate('every call settles', `${label} has got no answer`);
      }
    }
    if (!isQuiet) this.violate('every call settles', 'there is no end of actions');
    for (const process of this.#world.processes) {
      if (process.isCrashed) continue;
      this.#report(
        'counts add up',
        countFaultOf(process, {
          runs: this.runs,
          calls: this.calls,
          hasResponses: this.#world.configuration.layer !== undefined,
        }),
      );
      if (!this.#closed.has(process)) {
        this.violate('close is the end', `close() of ${process.name} does not resolve`);
      }
    }
    this.#checkForgotten();
  }

  #checkForgotten(): void {
    const { record } = this.#world;
    if (record?.state !== 'running') return;
    const claim = this.#claims.get(record.owner);
    if (claim === undefined || claim.run !== undefined || claim.process.isCrashed) return;
    if (claim.isAfterClose || (claim.isVeryLate && !claim.hasReply)) return;
    // The next caller runs it again without a release.
    if ((claim.process.options.onUnknown ?? 'retry') === 'retry') return;
    // Its process could not release it, because another owner had taken it over and then released it.
    if (claim !== this.#lastClaim) return;
    this.violate(
      'no lease without an owner',
      `a claim of ${claim.process.name} that ran nothing was never given back`,
    );
  }

  #show(record: StoreRecord | undefined): string {
    if (record === undefined) return 'no record';
    const { state, attempt, leaseEndsAtMs } = record;
    const run = this.#claims.get(record.owner)?.run;
    const owner = this.#claims.get(record.owner)?.process.name;
    const leftMs = leaseEndsAtMs - this.#world.storeClockMs();
    return `${state} by ${owner}${run ? ` (run ${run.number})` : ''}, attempt ${attempt}${state === 'running' ? `, lease ${leftMs} ms` : ''}`;
  }
}

/** Whether an event reports that the result is stored. */
const isToldKept = (event: OnceEvent): boolean => !('kept' in event) || event.kept !== false;
