/**
 * A Worker with `once` at module level, on the store of `isolates.mjs`, which the isolates share and call by
 * `fetch`. A path is `/<name of a once>/<key>`.
 */

/** @typedef {import('../../../dist/once/index.js').OnceOptions} OnceOptions */
/** @typedef {import('../../../dist/store/store.js').Store} Store */

const METHODS = ['claim', 'renew', 'complete', 'release', 'read', 'evict'];

/** @param {unknown} value */
const toJson = (value) =>
  JSON.stringify(value, (_, each) => (each instanceof Uint8Array ? { bytes: [...each] } : each));

/** @param {string} text */
const fromJson = (text) =>
  JSON.parse(text, (_, each) => (each?.bytes ? Uint8Array.from(each.bytes) : each));

/** @param {string} url @returns {Store} */
function storeAt(url) {
  const call =
    (/** @type {string} */ method) =>
    async (/** @type {unknown[]} */ ...args) => {
      const response = await fetch(`${url}/${method}`, { method: 'POST', body: toJson(args) });
      const { value, error } = fromJson(await response.text());
      if (error !== undefined) throw new Error(error);
      return value;
    };
  const methods = Object.fromEntries(METHODS.map((method) => [method, call(method)]));
  return /** @type {any} */ ({ ...methods, name: 'HTTP', close: async () => {} });
}

/** Answers a call of `storeAt`. @param {Store} store */
export async function answerAt(store, /** @type {string} */ method, /** @type {string} */ body) {
  try {
    return toJson({ value: await /** @type {any} */ (store)[method](...fromJson(body)) });
  } catch (error) {
    return toJson({ error: String(error) });
  }
}

/**
 * @param {{createOnce: typeof import('../../../dist/once/index.js').createOnce,
 *   idempotentFetch: typeof import('../../../dist/fetch/fetch.js').idempotentFetch,
 *   memoryStore: typeof import('../../../dist/store/memory.js').memoryStore}} entries
 * @param {string} url of the store and of the work
 * @returns {(request: Request, context: {waitUntil(promise: Promise<unknown>): void}) => Promise<Response>}
 */
export function isolate({ createOnce, idempotentFetch, memoryStore }, url) {
  const limits = { leaseMs: 1000, storeTimeoutMs: 900, cache: /** @type {const} */ (false) };
  const shared = { ...limits, store: storeAt(url) };
  const memory = { ...limits, store: memoryStore() };
  /** @type {Record<string, ReturnType<typeof createOnce>>} */
  const onces = {
    shared: createOnce(shared),
    aborting: createOnce({ ...shared, onAbandoned: 'abort' }),
    impatient: createOnce({ ...shared, waitMs: 300 }),
    rejecting: createOnce({ ...shared, onDuplicate: 'reject' }),
    memory: createOnce(memory),
    'other memory': createOnce(memory),
  };
  const fetchOnce = idempotentFetch(shared);
  const workAt = (/** @type {string} */ key, /** @type {number} */ ms) =>
    `${url}/work/${key}?ms=${ms}`;
  return async (request, context) => {
    const { pathname, searchParams } = new URL(request.url);
    const [, name = '', key = ''] = decodeURIComponent(pathname).split('/');
    const ms = Number(searchParams.get('ms') ?? 0);
    if (name === 'fetch') {
      const response = await fetchOnce(workAt(key, ms), { method: 'POST', body: key });
      const count = Number(await response.text());
      return Response.json({ count, outcome: response.headers.get('samekey') });
    }
    const once = onces[name];
    if (once === undefined) return new Response(null, { status: 404 });
    const leavesAfterMs = searchParams.get('leavesAfterMs');
    const signal = leavesAfterMs === null ? undefined : AbortSignal.timeout(Number(leavesAfterMs));
    const result = once.detailed(
      key,
      async ({ attempt, signal }) => {
        const isHere = searchParams.has('sleeps');
        const sleeping = isHere && new Promise((resolve) => setTimeout(resolve, ms));
        const response = await fetch(workAt(key, isHere ? 0 : ms), { signal });
        const count = Number(await response.text());
        await sleeping;
        return { attempt, count };
      },
      { ...(signal && { signal }) },
    );
    if (searchParams.has('waitUntil')) context.waitUntil(result.catch(() => {}));
    try {
      const { value, outcome } = await result;
      return Response.json({ ...value, outcome });
    } catch (/** @type {any} */ error) {
      const { name, code = name, message } = error;
      return Response.json({ code: typeof code === 'string' ? code : name, message });
    }
  };
}
