import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { hasPostgres, startPostgres } from '../servers/postgres.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, startRedis } from '../servers/redis.js';
import { Crew, type StoreName } from './workers.js';

/** How each shared store is started. */
interface Backend {
  readonly at: string;
  /** Of a server. */
  kill?(): Promise<void>;
  start?(): Promise<void>;
  stop(): Promise<void>;
}

const redis = async (): Promise<Backend> => {
  const server = await startRedis();
  return { at: server.url, ...server };
};
const postgres = async (): Promise<Backend> => {
  const server = await startPostgres();
  return { at: server.url, ...server };
};

const lmdb = async (): Promise<Backend> => {
  const at = mkdtempSync(join(tmpdir(), 'samekey-lmdb-'));
  return { at, stop: async () => rmSync(at, { recursive: true, force: true }) };
};

interface Subject {
  readonly kind: StoreName['kind'];
  readonly tool: string;
  readonly isThere: boolean;
  readonly start: () => Promise<Backend>;
}

export const SUBJECTS: readonly Subject[] = [
  { kind: 'redis', tool: 'redis-server', isThere: hasRedis, start: redis },
  { kind: 'ioredis', tool: 'redis-server', isThere: hasRedis, start: redis },
  { kind: 'postgres', tool: 'PostgreSQL', isThere: hasPostgres, start: postgres },
  { kind: 'lmdb', tool: 'lmdb', isThere: true, start: lmdb },
];
/** The record of a killed owner does not depend on the client. */
export const STORES = SUBJECTS.filter(({ kind }) => kind !== 'ioredis');
export const SERVERS = SUBJECTS.filter(({ kind }) => kind !== 'lmdb');
/** The part of a list that `npm test` runs, where one store shows that a rule holds. */
export const only = (...kinds: readonly StoreName['kind'][]) =>
  SUBJECTS.filter(({ kind }) => kinds.includes(kind));

/** Tests of processes that share one store. */
export function onStores(
  subjects: readonly Subject[],
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
