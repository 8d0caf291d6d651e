import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { postgresStore } from '../../../src/store/postgres.js';
import { PARSERS } from './scene.js';

describe('the PostgreSQL store on PGlite, beside parsers of the program', () => {
  let pool: PGlite;
  beforeAll(async () => {
    pool = await PGlite.create({ parsers: PARSERS });
    await postgresStore({ pool }).migrate();
  });
  afterAll(() => pool?.close());

  for (const { name, run } of storeConformance({ open: () => postgresStore({ pool }) })) {
    it(name, run);
  }
});
