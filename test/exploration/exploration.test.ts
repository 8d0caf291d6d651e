import { describe, expect, it } from 'vitest';
import * as transition from '../../src/store/transition.js';
import { explore, showTrace } from './explorer.js';
import { invariants } from './invariants.js';
import { profiles } from './profiles.js';

const extra = Number(process.env.EXPLORE_EXTRA ?? 0);

describe('exploration', () => {
  for (const profile of profiles(extra)) {
    it(profile.name, () => {
      const t = performance.now();
      const { states, steps, depth, violation } = explore(profile, transition, invariants);
      console.log(
        `${profile.name}: ${states} states, ${steps} steps, depth ${depth}, ${Math.round(performance.now() - t)} ms`,
      );
      if (violation) throw new Error(showTrace(violation, profile.owners, transition));
      expect(states).toBeGreaterThan(1000);
    });
  }
});
