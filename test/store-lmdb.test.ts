import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { storeConformance } from '../src/store/conformance.js';
import { lmdbStore } from '../src/store/lmdb.js';

const folder = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the LMDB store with a clock that is moved', () => {
  const path = join(folder, 'moved');
  let nowMs = Date.now();
  const cases = storeConformance({
    open: () => lmdbStore({ path, clock: () => nowMs }),
    moveClock(byMs) {
      nowMs += byMs;
    },
  });
  for (const { name, run } of cases) it(name, run);
});

describe('the LMDB store with the clock of the machine', () => {
  const path = join(folder, 'machine');
  const cases = storeConformance({ open: () => lmdbStore({ path }) });
  for (const { name, run } of cases) it(name, run);
});
