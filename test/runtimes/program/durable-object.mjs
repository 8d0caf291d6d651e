/**
 * A Worker for `durable-object.mjs`: `once`, the conformance suite and a streaming handler on a store in
 * Durable Objects. Its class lets the test do to an object what the platform does: evict it, break it, and
 * change its rows.
 */

/**
 * @typedef {object} Entries of samekey
 * @property {typeof import('../../../dist/once/index.js').createOnce} createOnce
 * @property {typeof import('../../../dist/once/index.js').encryptedCodec} encryptedCodec
 * @property {typeof import('../../../dist/server/web.js').idempotent} idempotent
 * @property {typeof import('../../../dist/store/durable-object.js').durableObjectStore} durableObjectStore
 * @property {typeof import('../../../dist/store/conformance.js').storeConformance} storeConformance
 *
 * @typedef {object} Environment
 * @property {any} SAMEKEY the namespace
 * @property {{fetch(url: string): Promise<Response>}} WORK counts the runs of each key
 */

const encoder = new TextEncoder();
const sleep = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns the head of an answer of an object. */
async function headOf(/** @type {Response} */ response) {
  const text = await response.text();
  return JSON.parse(text.slice(text.indexOf('[')));
}

/** Returns the name of the method that a store calls. */
async function methodOf(/** @type {Request} */ request) {
  const [, method] = /"(\w+)"/.exec(await request.text()) ?? [];
  return String(method);
}

/** @param {typeof import('../../../dist/store/durable-object.js').SamekeyObject} SamekeyObject */
export const controlled = (SamekeyObject) =>
  class extends SamekeyObject {
    /** @type {any} */
    #state;
    #instance = crypto.randomUUID();
    #isBroken = false;
    /** @type {string[]} */
    #asked = [];

    constructor(/** @type {any} */ state, /** @type {unknown} */ env) {
      super(state, env);
      this.#state = state;
    }

    /** @override */
    async fetch(/** @type {Request} */ request) {
      const { pathname } = new URL(request.url);
      const { storage } = this.#state;
      const text = () => request.text();
      switch (pathname) {
        case '/evict':
          this.#state.abort('evicted by the test');
          return Response.json(null);
        case '/break':
          this.#isBroken = true;
          return Response.json(null);
        case '/sql':
          return Response.json(storage.sql.exec(await text()).toArray());
        case '/alarm':
          await storage.setAlarm(Date.now());
          return Response.json(null);
        case '/alarms':
          return Response.json(await storage.getAlarm());
        case '/instance':
          return Response.json(this.#instance);
        case '/asked':
          return Response.json(this.#asked.splice(0));
        case '/raw':
          return Response.json(await headOf(await super.fetch(request)));
        default:
          this.#asked.push(await methodOf(request.clone()));
          if (this.#isBroken) throw new RangeError('the object throws');
          return super.fetch(request);
      }
    }
  };

/** @param {Entries} entries */
export function durableWorker({
  createOnce,
  encryptedCodec,
  durableObjectStore,
  idempotent,
  storeConformance,
}) {
  /**
   * Returns the number of this run among the runs of the key. workerd may lose the connection to the
   * process that counts, so the run has an id, and is counted once however often it is sent.
   */
  const count = async (/** @type {Environment} */ env, /** @type {string} */ key) => {
    const url = `http://work/${encodeURIComponent(key)}?run=${crypto.randomUUID()}`;
    for (let tries = 1; ; tries++) {
      try {
        const response = await env.WORK.fetch(url);
        return Number(await response.text());
      } catch (error) {
        if (tries === 20) throw error;
        await sleep(10 * tries);
      }
    }
  };
  /** @type {Map<string, any>} by their settings, for all requests of the isolate */
  const kept = new Map();
  const keep = (/** @type {string} */ name, /** @type {() => any} */ make) => {
    if (!kept.has(name)) kept.set(name, make());
    return kept.get(name);
  };
  const shown = (/** @type {any} */ error) => ({
    name: error.name,
    code: error.code,
    message: error.message,
    cause: error.cause && { code: error.cause.code, message: error.cause.message },
  });

  /** @type {Record<string, (request: Request, env: Environment, context: any, query: URLSearchParams) => Promise<Response>>} */
  const routes = {
    async '/cases'(_request, env) {
      const open = () => durableObjectStore({ namespace: env.SAMEKEY });
      return Response.json(storeConformance({ open }).map(({ name }) => name));
    },

    async '/case'(_request, env, _context, query) {
      const shards = Number(query.get('shards'));
      const open = () => durableObjectStore({ namespace: env.SAMEKEY, shards });
      const cases = storeConformance({ open, maxPayloadBytes: Number(query.get('bytes')) });
      await cases[Number(query.get('at'))]?.run();
      return Response.json('passed');
    },

    async '/once'(_request, env, context, query) {
      const key = String(query.get('key'));
      const shards = Number(query.get('shards') ?? 4);
      const leaseMs = Number(query.get('leaseMs') ?? 30_000);
      const prefix = query.get('prefix') ?? 'samekey:';
      // The id of a key is its bytes, too.
      const id = query.get('encrypt');
      const bytes = id && new Uint8Array(32).fill(id.charCodeAt(0));
      const make = () =>
        createOnce({
          store: durableObjectStore({ namespace: env.SAMEKEY, shards, prefix }),
          leaseMs,
          cache: false,
          ...(id && bytes && { codec: encryptedCodec({ keys: [{ id, key: bytes }] }) }),
          onUnreadable: query.has('retry') ? 'retry' : 'hold',
        });
      // A request of its own joins no run of its isolate: every one asks the object.
      const once = query.has('own') ? make() : keep(`once ${shards} ${leaseMs}`, make);
      const from = Date.now();
      const result = once.detailed(key, async (/** @type {any} */ { attempt }) => {
        const number = await count(env, key);
        await sleep(Number(query.get('ms') ?? 0));
        return { number, attempt, text: 'a'.repeat(Number(query.get('bytes') ?? 0)) };
      });
      if (query.has('waitUntil')) context.waitUntil(result.catch(() => {}));
      const { value, outcome } = await result;
      const { text, ...rest } = value;
      return Response.json({ ...rest, bytes: text.length, outcome, ms: Date.now() - from });
    },

    async '/stream'(request, env, context) {
      const handler = keep('handler', () =>
        idempotent(
          async () => {
            const number = await count(env, String(request.headers.get('idempotency-key')));
            return new Response(
              new ReadableStream({
                async start(controller) {
                  for (const word of [`run ${number}:`, ' one', ' two', ' three']) {
                    controller.enqueue(encoder.encode(word));
                    await sleep(150);
                  }
                  controller.close();
                },
              }),
            );
          },
          { store: durableObjectStore({ namespace: env.SAMEKEY, shards: 4 }) },
        ),
      );
      return handler(request, env, context);
    },

    async '/object'(request, env, _context, query) {
      const path = `/${query.get('do')}`;
      return object(env, String(query.get('shard')), path, await request.text());
    },

    /** Calls a method of the store: a payload is a number of bytes. */
    async '/store'(request, env, _context, query) {
      const namespace = /** @type {any} */ (env)[query.get('binding') ?? 'SAMEKEY'];
      const store = durableObjectStore({ namespace, shards: 1 });
      const [method, ...args] = await request.json();
      const [, , completion] = args;
      if (method === 'complete') completion.payload = new Uint8Array(completion.payload);
      return Response.json((await /** @type {any} */ (store)[method](...args)) ?? null);
    },
  };

  /** Lets the class of `controlled` do something. */
  function object(
    /** @type {Environment} */ env,
    /** @type {string} */ shard,
    /** @type {string} */ path,
    /** @type {string} */ body,
  ) {
    const name = shard.includes(':') ? shard : `samekey:${shard}`;
    const stub = env.SAMEKEY.get(env.SAMEKEY.idFromName(name));
    return stub.fetch(`https://object${path}`, { method: 'POST', body });
  }

  return {
    /** @type {(request: Request, env: Environment, context: any) => Promise<Response>} */
    async fetch(request, env, context) {
      const { pathname, searchParams } = new URL(request.url);
      try {
        const route = routes[pathname];
        if (route === undefined) return new Response(null, { status: 404 });
        return await route(request, env, context, searchParams);
      } catch (error) {
        return Response.json(shown(error), { status: 500 });
      }
    },
  };
}
