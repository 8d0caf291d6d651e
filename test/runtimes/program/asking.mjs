/**
 * How a check sends requests to the server of `upstream.mjs` and reads the responses. Plain ECMAScript.
 * Of the platform it only uses `fetch`, streams and timers.
 */

/**
 * @typedef {object} Upstream
 * @property {string} url
 * @property {string} refusing an address without a listener
 *
 * @typedef {object} Requests the results of the checks
 * @property {string[]} passed
 * @property {string[]} failures
 * @property {number} ms
 */

/** Longer than a check takes on a busy machine. */
const PATIENCE_MS = 20_000;
export const soon = (ms = 50) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {unknown} given @param {unknown} wanted */
export function same(given, wanted) {
  const [left, right] = [JSON.stringify(given), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${left?.slice(0, 300)}, wanted ${right?.slice(0, 300)}`);
}

/**
 * Returns the reason of a rejected promise.
 *
 * @param {Promise<unknown>} promise
 * @returns {Promise<any>}
 */
export const rejection = (promise) =>
  promise.then(
    (value) => Promise.reject(new Error(`it was not rejected: ${JSON.stringify(value)}`)),
    (error) => error,
  );

/** @param {Response} response */
export const outcomeOf = ({ headers }) => headers.get('samekey');

/** @param {Promise<Response>} pending */
export async function read(pending) {
  const response = await pending;
  return { outcome: outcomeOf(response), body: JSON.parse(await response.text()), response };
}

/** The part of the upstream that one check uses. */
export class Case {
  #path = '';

  /** @param {Upstream} upstream */
  constructor(upstream) {
    this.refusing = upstream.refusing;
    this.#path = `${upstream.url}/${crypto.randomUUID()}/`;
  }

  url(/** @type {string} */ behaviour) {
    return this.#path + encodeURIComponent(behaviour);
  }

  /** @returns {Promise<{count: number, body: string, type: string}>} */
  async state() {
    return (await fetch(this.url('state'))).json();
  }

  async arrived(count = 1) {
    while ((await this.state()).count < count) await soon(10);
    // By now the ones that must not arrive would have arrived.
    await soon();
  }

  async go() {
    await (await fetch(this.url('go'))).text();
  }

  /** Frees the resources of the check. */
  async close() {}
}

/** Reads a body while it arrives, up to an expected text. */
export class LiveReader {
  #decoder = new TextDecoder();
  text = '';

  constructor(/** @type {Response} */ { body }) {
    this.reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader();
  }

  /** @param {string} [text] default: the end */
  async until(text) {
    while (text === undefined || !this.text.includes(text)) {
      const { done, value } = await this.reader.read();
      if (done) break;
      this.text += this.#decoder.decode(value, { stream: true });
    }
    return this.text;
  }
}

/**
 * Runs one check after another, each with the result of `make`.
 *
 * @template {{close: () => Promise<void>}} T
 * @param {Record<string, (given: T) => Promise<void>>} checks
 * @param {() => T} make
 * @returns {Promise<Requests>}
 */
export async function passedOf(checks, make) {
  const from = Date.now();
  /** @type {string[]} */
  const passed = [];
  /** @type {string[]} */
  const failures = [];
  for (const [name, check] of Object.entries(checks)) {
    const given = make();
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const tooLate = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('it hangs')), PATIENCE_MS);
    });
    try {
      await Promise.race([check(given).then(() => given.close()), tooLate]);
      passed.push(name);
    } catch (/** @type {any} */ error) {
      failures.push(`${name}: ${error} ${error.cause ?? ''}`.trim());
    }
    clearTimeout(timer);
  }
  return { passed, failures, ms: Date.now() - from };
}
