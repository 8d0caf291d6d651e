import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { describeWith } from '../servers/process.js';
import { type Backend, SHARED_STORES, type SharedStore } from '../store/all-stores.js';
import { Crew } from './workers.js';

export const SUBJECTS = SHARED_STORES;
/** The record of a killed owner does not depend on the client. */
export const STORES = SUBJECTS.filter(({ isOtherClient }) => !isOtherClient);
export const SERVERS = SUBJECTS.filter(({ isServer }) => isServer);
/** Returns whether a store is one of these kinds: where one store shows that a rule holds. */
export function isOf(...kinds: readonly string[]): (store: SharedStore) => boolean {
  const unknown = kinds.filter((kind) => !SUBJECTS.some((store) => store.kind === kind));
  if (unknown.length > 0) throw new Error(`Cannot test on ${unknown}: no line of SHARED_STORES`);
  return ({ kind }) => kinds.includes(kind);
}

/** Tests of processes that share one store. */
export function onStores(
  subjects: readonly SharedStore[],
  title: string,
  tests: (crewOf: () => Crew, backendOf: () => Backend) => void,
) {
  for (const { kind, tool, isThere, start } of subjects) {
    describeWith(tool, isThere, `${title} on ${kind}`, () => {
      let backend: Backend;
      let crew: Crew;
      beforeAll(async () => {
        backend = await start();
      });
      afterAll(() => backend?.stop());
      beforeEach(() => {
        crew = new Crew({ kind, at: backend.at });
      });
      afterEach(async () => {
        const { hasCrashed } = crew;
        await crew.end();
        // An uncaught error would have ended it.
        expect(hasCrashed).toBe(false);
      });
      tests(
        () => crew,
        () => backend,
      );
    });
  }
}
