/**
 * The files that are mutated, and the tests that must notice it. Only tests that import `src/` see a mutant: those
 * that start processes run `dist/`, where no mutant is.
 */
import { readdirSync } from 'node:fs';

const ROOT = new URL('../../', import.meta.url);

/** The tests of a folder, without its subfolders. */
const testsOf = (folder, { without = [] } = {}) =>
  readdirSync(new URL(`test/${folder}/`, ROOT))
    .filter((name) => name.endsWith('.test.ts') && !name.endsWith('.deep.test.ts'))
    .filter((name) => !without.includes(name.replace('.test.ts', '')))
    .map((name) => `test/${folder}/${name}`);

/** @type {Record<string, { mutate: string[], tests: string[] }>} */
export const folders = {
  key: {
    mutate: ['src/key/*.ts'],
    // The memory is measured in another process.
    tests: [
      ...testsOf('key', { without: ['kept-memory'] }),
      ...testsOf('hash', { without: ['monte-carlo'] }),
      'test/json/selection.test.ts',
      'test/request/request-key.test.ts',
    ],
  },
  json: {
    mutate: ['src/json/*.ts'],
    tests: [
      ...testsOf('json', { without: ['raw-json-memory'] }),
      ...testsOf('key', { without: ['kept-memory'] }),
    ],
  },
  once: {
    mutate: ['src/once/**/*.ts'],
    tests: [
      // These two are about the stores of other processes, and need their servers.
      ...testsOf('once', { without: ['encrypted-stores', 'store-error'] }),
      // A function whose value is still arriving is a response.
      ...['shared-run', 'stream', 'waiters'].map((name) => `test/fetch/${name}.test.ts`),
    ],
  },
  response: {
    mutate: ['src/response/*.ts'],
    tests: [
      ...testsOf('response'),
      ...testsOf('fetch', { without: ['processes'] }),
      ...testsOf('providers'),
    ],
  },
  server: {
    // The rules, and the requests and responses of `fetch`. An adapter has the tests of its framework.
    mutate: [
      'handler-judge',
      'immediate-response',
      'lazy-request',
      'options',
      'payload',
      'problem',
      'refusals',
      'rules',
      'web-request',
      'web',
    ].map((name) => `src/server/${name}.ts`),
    tests: testsOf('server', { without: ['paused'] }),
  },
  store: {
    // The rules of every store, and the store in memory, which is their shortest form.
    mutate: [
      'at-once',
      'memory',
      'memory/finished-records',
      'model',
      'one-line',
      'record-check',
      'text-digest',
      'transition',
      'watchers',
    ].map((name) => `src/store/${name}.ts`),
    tests: [
      'test/store/conformance.test.ts',
      'test/store/memory.test.ts',
      'test/store/foreign-records.test.ts',
      'test/store/memory/finished-records.test.ts',
    ],
  },
};
