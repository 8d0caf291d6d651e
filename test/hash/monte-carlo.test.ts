import { expect, it } from 'vitest';
import { sha1, sha256 } from '../../src/index.js';
import { ENGINES, onEach } from '../engine/engines.js';
import { contentBytes, hexOf, loadVectors, type Named } from '../vectors/vectors.js';

/** NIST SHAVS §6.4: a hundred checkpoints, each a thousand digests of the last three digests. */
interface MonteCarlo extends Named {
  readonly algorithm: 'SHA-256' | 'SHA-1';
  readonly seed: string;
  readonly checkpoints: readonly string[];
}

onEach(ENGINES, () => {
  it.each(loadVectors<MonteCarlo>('sha-monte-carlo.json'))(
    '$name',
    ({ algorithm, seed, checkpoints }) => {
      const digest = algorithm === 'SHA-256' ? sha256 : sha1;
      let last = contentBytes({ hex: seed });
      const { length } = last;
      const three = new Uint8Array(3 * length);
      const reached = checkpoints.map(() => {
        for (let i = 0; i < 3; i++) three.set(last, i * length);
        for (let i = 0; i < 1000; i++) {
          last = digest(three);
          three.copyWithin(0, length);
          three.set(last, 2 * length);
        }
        return hexOf(last);
      });
      expect(reached).toHaveLength(100);
      expect(reached).toEqual(checkpoints);
    },
  );
});
