import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as transition from '../../src/store/transition.js';
import { deep } from '../depth.js';
import { explore, showTrace } from './explorer.js';
import { invariants } from './invariants.js';
import { mutated, mutations } from './mutations.js';
import { profiles } from './profiles.js';

/** `npm run explore` goes deeper. */
const extra = Number(process.env.EXPLORE_DEEPER ?? 0);
const HOUR_MS = 60 * 60 * 1000;
const all = profiles(extra);
const STEPS_LESS = extra > 0 ? 0 : deep(1, 0);

describe('the rules of a record, explored', () => {
  for (const whole of all) {
    // One step less has 3 to 14 times fewer states.
    const profile = { ...whole, depth: whole.depth - STEPS_LESS };
    it(`keep every invariant: ${profile.name}, ${profile.depth} steps deep`, {
      timeout: HOUR_MS,
    }, () => {
      const { states, steps, violation } = explore(profile, transition, invariants);
      console.log(`${profile.name}, ${profile.depth} steps deep: ${states} states, ${steps} steps`);
      if (violation !== undefined)
        throw new Error(showTrace(violation, profile.owners, transition));
      expect(states).toBeGreaterThan(profile.leastStates / 16 ** STEPS_LESS);
    });
  }
});

describe('a mistake in the rules is found', () => {
  it.each(mutations)('$mistake: $invariant', { timeout: HOUR_MS }, (mutation) => {
    const profile = all.find(({ name }) => name === (mutation.profile ?? 'everything'));
    const invariant = invariants.filter(({ name }) => name === mutation.invariant);
    if (profile === undefined || invariant.length !== 1) throw new Error('no such name');
    const rules = mutated(mutation);
    const { violation } = explore(profile, rules, invariant);
    if (violation === undefined) throw new Error('it was not found');
    const trace = showTrace(violation, profile.owners, rules);
    console.log(`${mutation.mistake}\n${trace}`);
    expect(trace.split('\n')).toHaveLength(1 + 2 * violation.actions.length);
  });

  it('for every invariant', () => {
    const broken = new Set(mutations.map(({ invariant }) => invariant));
    expect([...broken].sort()).toEqual(invariants.map(({ name }) => name).sort());
  });

  it('and the trace to it says what happened', () => {
    const [mutation] = mutations as [(typeof mutations)[number]];
    const rules = mutated(mutation);
    const [everything] = all as [(typeof all)[number]];
    const { violation } = explore(everything, rules, invariants);
    expect(violation && showTrace(violation, everything.owners, rules)).toBe(
      [
        'Violated: one live owner: granted while the lease of A1 is valid for 2 ms',
        '1. A1 claims for 2 ms, ttl 9 → granted',
        '   [running by A1, attempt 1, token 100000, lease +2, expires +9]',
        '2. A2 claims for 2 ms, ttl 9, takeUnknown → granted',
        '   [running by A2, attempt 2, token 100001, lease +2, expires +9] ← [running by A1, attempt 1, token 100000, lease +2, expires +9]',
      ].join('\n'),
    );
  });
});

describe('docs/invariants.md', () => {
  const page = readFileSync(
    fileURLToPath(new URL('../../docs/invariants.md', import.meta.url)),
    'utf8',
  );

  it('describes every invariant by its name', () => {
    const titles = [...page.matchAll(/^### (.+)$/gm)].map(([, title]) => title?.toLowerCase());
    expect(titles.sort()).toEqual(invariants.map(({ name }) => name).sort());
  });
});
