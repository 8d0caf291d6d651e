/** Workers in workerd that are bound to one class of Durable Objects, for `durable-object.mjs`. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { bundleByConfig, workerModules } from './rows/workerd.mjs';

const COMPATIBILITY_DATE = '2026-04-26';
const NAME = 'durable';

const ENTRY = `
import { createOnce, encryptedCodec } from 'samekey/once';
import { idempotent } from 'samekey/server';
import { storeConformance } from 'samekey/store/conformance';
import { durableObjectStore, SamekeyObject } from 'samekey/store/durable-object';
import { controlled, durableWorker } from './program/durable-object.mjs';
export const Controlled = controlled(SamekeyObject);
export class Another {
  fetch() {
    return new Response('hello', { status: 418 });
  }
}
export { SamekeyObject };
export default durableWorker({
  createOnce,
  encryptedCodec,
  durableObjectStore,
  idempotent,
  storeConformance,
});
`;

const CONFIGURATION = {
  durable_objects: {
    bindings: [
      { name: 'SAMEKEY', class_name: 'Controlled' },
      { name: 'OTHER', class_name: 'Another' },
      { name: 'PLAIN', class_name: 'SamekeyObject' },
    ],
  },
  migrations: [{ tag: 'v1', new_sqlite_classes: ['Controlled', 'Another', 'SamekeyObject'] }],
};

/**
 * @typedef {object} Scene
 * @property {(worker: number, path: string, query?: Record<string, unknown>, init?: RequestInit) => Promise<any>} ask
 *   a Worker, and resolves to its JSON
 * @property {(worker: number, path: string, init?: RequestInit) => Promise<Response>} send
 * @property {(what: string, body?: string, shard?: string | number) => Promise<any>} object
 *   lets an object do something
 * @property {(key: string) => number} runs
 * @property {() => string} key
 * @property {URL} address of the first Worker
 */

/** Returns the folder of the bundle that wrangler makes. @param {import('./project.mjs').Project} project */
export function bundle(project) {
  const main = project.write(`${NAME}.mjs`, ENTRY);
  const config = { name: NAME, main, compatibility_date: COMPATIBILITY_DATE, ...CONFIGURATION };
  const file = project.write(`${NAME}.jsonc`, JSON.stringify(config));
  return bundleByConfig(project, NAME, main, file);
}

/**
 * A connection of its own: workerd closes one that is idle, which may cross the next request on it.
 *
 * @param {URL} url
 * @param {unknown} body
 * @returns {Promise<string>}
 */
const answerOf = (url, body = '') =>
  new Promise((resolve, reject) => {
    request(url, { method: body ? 'POST' : 'GET', agent: false }, (response) => {
      text(response).then(resolve, reject);
    })
      .on('error', reject)
      .end(body);
  });

/**
 * Starts Workers that share the objects of the first.
 *
 * @param {string} folder of the bundle
 * @param {number} count
 * @param {string} [persist] where the objects are kept
 * @returns {Promise<{scene: Scene, stop: () => Promise<void>}>}
 */
export async function startWorkers(folder, count, persist) {
  const { Miniflare, Response } = await import('miniflare');
  const modules = workerModules(folder, NAME);
  /** @type {Map<string, (string | null)[]>} the ids of the runs of each key */
  const runsOf = new Map();
  const work = (/** @type {{url: string}} */ { url }) => {
    const { pathname, searchParams } = new URL(url);
    const key = decodeURIComponent(pathname.slice(1));
    const run = searchParams.get('run');
    const runs = runsOf.get(key) ?? [];
    runsOf.set(key, runs);
    if (!runs.includes(run)) runs.push(run);
    return new Response(String(runs.indexOf(run) + 1));
  };
  const classOf = (/** @type {string} */ className, useSQLite = true) => ({ className, useSQLite });
  const miniflare = new Miniflare({
    ...(persist && { durableObjectsPersist: persist }),
    workers: Array.from({ length: count }, (_, at) => ({
      name: `worker-${at}`,
      modules,
      compatibilityDate: COMPATIBILITY_DATE,
      serviceBindings: { WORK: work },
      // The proxy of Miniflare takes longer than the Workers, and hides that a client hangs up.
      unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      durableObjects: {
        SAMEKEY: { ...classOf('Controlled'), ...(at > 0 && { scriptName: 'worker-0' }) },
        ...(at === 0 && { OTHER: classOf('Another'), PLAIN: classOf('SamekeyObject', false) }),
      },
    })),
  });
  const addresses = await Promise.all(
    Array.from({ length: count }, (_, at) => miniflare.unsafeGetDirectURL(`worker-${at}`)),
  );
  /** @type {Scene['send']} */
  const send = (worker, path, init) => fetch(new URL(path, addresses[worker]), init);
  /** @type {Scene['ask']} */
  const ask = async (worker, path, query = {}, init = undefined) => {
    const parameters = Object.entries(query).map(([name, value]) => [name, String(value)]);
    const url = new URL(`${path}?${new URLSearchParams(parameters)}`, addresses[worker]);
    return JSON.parse(await answerOf(url, init?.body));
  };
  const scene = {
    ask,
    send,
    object: (/** @type {string} */ what, body = '', /** @type {string | number} */ shard = 0) =>
      ask(0, 'object', { do: what, shard }, { method: 'POST', body }),
    runs: (/** @type {string} */ key) => runsOf.get(key)?.length ?? 0,
    key: () => `ik_${randomBytes(32).toString('hex')}`,
    address: /** @type {URL} */ (addresses[0]),
  };
  return { scene, stop: () => miniflare.dispose() };
}
