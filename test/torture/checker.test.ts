import { expect, it } from 'vitest';
import { check, VIOLATIONS, type Violation } from './checker.js';
import type { EventBody, HistoryEvent } from './history.js';

const KEY = 'a';
const LEASE_MS = 100;

/** Builds a history. Members that are not given have usual values. */
class Story {
  readonly events: HistoryEvent[] = [];
  readonly #tokens = new Map<string, number>();

  add(at: number, process: string, body: EventBody): this {
    this.events.push({ at, process, ...body } as HistoryEvent);
    this.events.sort((a, b) => a.at - b.at);
    return this;
  }

  call(at: number, process: string, more: { fresh?: true; audit?: true } = {}): this {
    return this.add(at, process, { type: 'call', call: `call of ${process}`, key: KEY, ...more });
  }

  /** A claim is granted, and the function starts. */
  run(at: number, process: string, token: number, takesFinished = false): this {
    this.#tokens.set(process, token);
    const sentAt = at - 1;
    const claim = { key: KEY, owner: process, token, sentAt, leaseMs: LEASE_MS, takesFinished };
    return this.add(at, process, { type: 'claim', ...claim }).add(at + 1, process, {
      ...{ type: 'run', run: `run of ${process}`, call: `call of ${process}`, key: KEY },
      ...{ attempt: 1, token },
    });
  }

  renew(at: number, process: string): this {
    const body = { key: KEY, owner: process, sentAt: at - 1, leaseMs: LEASE_MS };
    return this.add(at, process, { type: 'renewed', ...body });
  }

  /** The function ends, and its result is written, or the store answers that another owner has the key. */
  keep(at: number, process: string, isKept = true): this {
    return this.add(at, process, { type: 'ran', run: `run of ${process}`, threw: false })
      .add(at + 1, process, { type: 'ending', key: KEY, owner: process })
      .add(at + 2, process, {
        type: 'completed',
        key: KEY,
        owner: process,
        sentAt: at + 1,
        isKept,
      });
  }

  answer(at: number, process: string, by = process, ofKey = KEY): this {
    const outcome = by === process ? 'executed' : 'replayed';
    const layer = by === process ? 'process' : 'store';
    const body = {
      call: `call of ${process}`,
      outcome,
      layer,
      run: `run of ${by}`,
      ofKey,
    } as const;
    return this.add(at, process, { type: 'answer', ...body });
  }

  /** A caller whose function ran and whose result was stored. */
  executed(at: number, process: string, token: number): this {
    return this.call(at, process)
      .run(at + 2, process, token)
      .keep(at + 4, process)
      .answer(at + 8, process);
  }

  evict(from: number, to: number): this {
    return this.add(from, 'e', { type: 'evict', call: 'evict', key: KEY }).add(to, 'e', {
      ...{ type: 'evicted', call: 'evict', key: KEY },
    });
  }
}

const verdictOf = (story: Story, isHeld = false) =>
  check(story.events, { ttlMs: 10_000, isHeld: () => isHeld });

const broken = (story: Story, isHeld = false) => {
  const { violations } = verdictOf(story, isHeld);
  return (Object.keys(violations) as Violation[]).filter((name) => violations[name].length > 0);
};

/** A bad history for each invariant. */
const STORIES: Readonly<Record<Violation, () => Story>> = {
  overlap: () => new Story().call(0, 'p').run(2, 'p', 1).call(40, 'q').run(50, 'q', 2),
  rerun: () => new Story().executed(0, 'p', 1).call(20, 'q').run(22, 'q', 2).keep(30, 'q'),
  lost: () => new Story().executed(0, 'p', 1).call(500, 'q', { audit: true }).run(502, 'q', 2),
  twoValues: () =>
    new Story()
      .call(0, 'p')
      .run(2, 'p', 1)
      .call(150, 'q')
      .run(152, 'q', 2)
      .keep(160, 'q')
      .answer(170, 'q')
      .keep(200, 'p', false)
      .answer(210, 'p'),
  stale: () =>
    new Story()
      .executed(0, 'p', 1)
      .call(20, 'q', { fresh: true })
      .run(22, 'q', 2, true)
      .keep(30, 'q')
      .answer(40, 'q')
      .call(50, 'r')
      .answer(52, 'r', 'p'),
  heldRerun: () => new Story().call(0, 'p').run(2, 'p', 1).call(190, 'q').run(200, 'q', 2),
  unanswered: () => new Story().call(0, 'p').add(1000, 's', { type: 'end' }),
  token: () =>
    new Story().executed(0, 'p', 5).evict(20, 22).call(30, 'q').run(32, 'q', 5).keep(40, 'q'),
  foreign: () => new Story().executed(0, 'p', 1).call(20, 'q').answer(22, 'q', 'p', 'another key'),
  crash: () => new Story().add(0, 'p', { type: 'crashed', why: '1: TypeError' }),
};

it.each(Object.keys(VIOLATIONS) as Violation[])('finds %s, and nothing else', (name) => {
  expect(broken(STORIES[name](), name === 'heldRerun')).toEqual([name]);
});

it('finds a value that nobody made', () => {
  expect(broken(new Story().call(0, 'p').answer(5, 'p', 'nobody'))).toEqual(['foreign']);
});

it('finds a takeover although the lease was renewed', () => {
  const story = new Story().call(0, 'p').run(2, 'p', 1).renew(60, 'p').renew(120, 'p');
  expect(broken(story.call(130, 'q').run(150, 'q', 2))).toEqual(['overlap']);
});

it('takes a claim that was given back before its reply came for none', () => {
  const claim = { owner: 'q', token: 2, sentAt: 105, leaseMs: LEASE_MS, takesFinished: false };
  const story = new Story()
    .call(0, 'p')
    .run(2, 'p', 1)
    .add(110, 'q', { type: 'ending', key: KEY, owner: 'q' })
    .renew(120, 'p')
    .add(130, 'q', { type: 'claim', key: KEY, ...claim });
  expect(broken(story)).toEqual([]);
});

it('finds a lost result by what another process was given', () => {
  // The owner was killed before the store answered, but a caller has received the result.
  const story = new Story()
    .call(0, 'p')
    .run(2, 'p', 1)
    .add(5, 'p', { type: 'ending', key: KEY, owner: 'p' })
    .add(6, 'p', { type: 'killed' })
    .call(10, 'q')
    .answer(12, 'q', 'p')
    .call(200, 'r')
    .run(202, 'r', 2);
  expect(broken(story)).toEqual(['rerun']);
});

it('takes a run after an evict, a fresh call and an expiry for what they are', () => {
  const kept = () => new Story().executed(0, 'p', 1);
  expect(broken(kept().evict(20, 22).executed(30, 'q', 2))).toEqual([]);
  // A call without an answer may have taken effect at any time.
  const unanswered = kept().add(20, 'e', { type: 'evict', call: 'evict', key: KEY });
  expect(broken(unanswered.executed(30, 'q', 2))).toEqual([]);
  const fresh = kept().call(20, 'q', { fresh: true }).run(22, 'q', 2, true).keep(30, 'q');
  expect(broken(fresh.answer(40, 'q').call(50, 'r').answer(52, 'r', 'q'))).toEqual([]);
  expect(broken(kept().executed(20_000, 'q', 2))).toEqual([]);
});

it('does not take a fresh call for a reason to run it again after its own result was kept', () => {
  const story = new Story().call(0, 'p', { fresh: true }).run(2, 'p', 1, true).keep(4, 'p');
  expect(broken(story.answer(10, 'p').call(20, 'q').run(22, 'q', 2))).toEqual(['rerun']);
});

it('tells a run after a lease ran out from one that should not be', () => {
  const story = new Story().call(0, 'p').run(2, 'p', 1).add(20, 'p', { type: 'killed' });
  const verdict = verdictOf(story.executed(150, 'q', 2));
  expect(Object.values(verdict.violations).flat()).toEqual([]);
  expect(verdict.takenOver).toEqual([KEY]);
  expect(verdict).toMatchObject({ keys: 1, operations: 2, runs: 2 });
});

it('tells results that the store never acknowledged apart', () => {
  const story = new Story().call(0, 'p').run(2, 'p', 1).answer(90, 'p');
  const verdict = verdictOf(story.executed(150, 'q', 2));
  expect(Object.values(verdict.violations).flat()).toEqual([]);
  expect(verdict.unkept).toEqual([KEY]);
});

it('takes a run after an error for a retry', () => {
  const story = new Story()
    .call(0, 'p')
    .run(2, 'p', 1)
    .add(4, 'p', { type: 'ran', run: 'run of p', threw: true })
    .add(5, 'p', { type: 'ending', key: KEY, owner: 'p' });
  expect(broken(story.executed(10, 'q', 2), true)).toEqual([]);
});

it('expects no answer of a process that was killed', () => {
  const story = new Story().call(0, 'p').add(1, 'p', { type: 'killed' });
  expect(broken(story.add(1000, 's', { type: 'end' }))).toEqual([]);
});

it('counts what an operator sees', () => {
  const story = new Story()
    .call(0, 'p')
    .add(1, 'p', { type: 'told', what: 'storeError (claim)' })
    .add(2, 'p', { type: 'answer', call: 'call of p', code: 'SAMEKEY_STORE' });
  expect(verdictOf(story).seen).toEqual({ 'storeError (claim)': 1, SAMEKEY_STORE: 1 });
});
