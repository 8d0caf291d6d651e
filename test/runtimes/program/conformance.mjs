/**
 * The program of every row of the runtime matrix: all vectors on all engines, streams, batches, and the
 * errors for missing engines. Plain ECMAScript: it receives the vectors and returns plain data.
 */
import { contentBytes } from './content.mjs';
import { CHECKS, formatOf } from './vectors.mjs';

/** @typedef {import('./vectors.mjs').Samekey} Samekey */
/** @typedef {Record<string, Record<string, any[]>>} VectorFiles by file, then by list */

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 */

/**
 * @typedef {object} Result
 * @property {string} agent the name that the runtime reports
 * @property {{small: string, large: string, canonicalizer: string}} active under `auto`
 * @property {string[]} engines that work
 * @property {Record<string, Tally>} files
 * @property {string[]} failures the names of the first few
 * @property {boolean} streams
 * @property {boolean} batches
 * @property {boolean} absentRefused
 * @property {number} ms for everything
 */

const NAMES = /** @type {const} */ (['native', 'wasm', 'js']);
const SHOWN_FAILURES = 5;

/**
 * Does everything that needs no waiting, so that it can run at the top level of a module.
 *
 * @param {Samekey} samekey
 * @param {VectorFiles} vectors
 * @returns {Result}
 */
export function conformanceAtOnce(samekey, vectors) {
  const from = Date.now();
  const { name: large, small, canonicalizer } = samekey.activeEngine();
  const engines = samekey.listEngines().map(({ name }) => name);
  /** @type {Record<string, Tally>} */
  const files = {};
  /** @type {string[]} */
  const failures = [];
  for (const [file, lists] of Object.entries(CHECKS)) {
    const tally = { passed: 0, failed: 0 };
    files[file] = tally;
    for (const [list, check] of Object.entries(lists)) {
      for (const engine of engines) {
        samekey.useEngine(engine);
        for (const vector of listOf(vectors, file, list)) {
          const fault = faultOf(() => check(samekey, vector, engine));
          tally[fault === undefined ? 'passed' : 'failed'] += 1;
          if (fault !== undefined && failures.length < SHOWN_FAILURES) {
            failures.push(`${file}, ${vector.name}, ${engine}: ${fault}`);
          }
        }
      }
    }
  }
  samekey.useEngine('auto');
  return {
    agent: agent(),
    active: { small, large, canonicalizer },
    engines,
    files,
    failures,
    streams: false,
    batches: batchesAgree(samekey),
    absentRefused: NAMES.filter((name) => !engines.includes(name)).every((name) =>
      isRefused(samekey, name),
    ),
    ms: Date.now() - from,
  };
}

/**
 * Adds the streams to the result of `conformanceAtOnce`.
 *
 * @param {Samekey} samekey
 * @param {VectorFiles} vectors
 * @param {Result} result
 * @returns {Promise<Result>}
 */
export async function withStreams(samekey, vectors, result) {
  const from = Date.now();
  result.streams = true;
  for (const engine of /** @type {const} */ (['auto', ...result.engines])) {
    samekey.useEngine(/** @type {'auto'} */ (engine));
    if (!(await streamsAgree(samekey, vectors))) {
      result.streams = false;
      result.failures.push(`streams, ${engine}`);
    }
  }
  samekey.useEngine('auto');
  result.ms += Date.now() - from;
  return result;
}

/** @type {(samekey: Samekey, vectors: VectorFiles) => Promise<Result>} */
export const conformance = (samekey, vectors) =>
  withStreams(samekey, vectors, conformanceAtOnce(samekey, vectors));

/** Returns what is wrong, or `undefined`. */
function faultOf(/** @type {() => Iterable<import('./vectors.mjs').Pair>} */ check) {
  try {
    for (const [given, wanted] of check()) {
      if (given !== wanted) return `${String(given).slice(0, 200)}, wanted ${wanted}`;
    }
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** Returns a list. A missing list must not pass as one without failures. */
function listOf(
  /** @type {VectorFiles} */ vectors,
  /** @type {string} */ file,
  /** @type {string} */ list,
) {
  const rows = vectors[file]?.[list];
  if (rows === undefined || rows.length === 0) throw new Error(`${file} has no ${list}`);
  return rows;
}

/** Compares batches with single calls. */
function batchesAgree(/** @type {Samekey} */ { keysOf, keyOf, sha256HexBatch, sha256Hex }) {
  const texts = Array.from({ length: 50 }, (_, i) => 'é7 '.repeat(i * i));
  const values = texts.map((text, i) => ({ text, i: [i, -0.5, i / 3] }));
  return (
    sha256HexBatch(texts).every((key, i) => key === sha256Hex(texts[i] ?? '')) &&
    keysOf(values).every((key, i) => key === keyOf(values[i]))
  );
}

function isRefused(
  /** @type {Samekey} */ { useEngine },
  /** @type {'native' | 'wasm' | 'js'} */ name,
) {
  try {
    useEngine(name);
    return false;
  } catch (/** @type {any} */ error) {
    return error instanceof RangeError && error.code === 'SAMEKEY_ENGINE_UNAVAILABLE';
  }
}

/** Reads streams of every kind; those of one vector are read at the same time. */
async function streamsAgree(
  /** @type {Samekey} */ { keyOfStream },
  /** @type {VectorFiles} */ vectors,
) {
  const withContent = listOf(vectors, 'keys.json', 'vectors').filter(({ content }) => content);
  for (const vector of withContent) {
    const bytes = contentBytes(vector.content);
    const streams = [new Blob([bytes]), new Blob([bytes]).stream(), [bytes], inPieces(bytes)];
    const keys = await Promise.all(
      streams.map((stream) => keyOfStream(/** @type {any} */ (stream), formatOf(vector))),
    );
    if (keys.some((key) => key !== vector.key)) return false;
  }
  return true;
}

/** @param {Uint8Array} bytes */
async function* inPieces(bytes) {
  for (let at = 0, length = 1; at < bytes.length; at += length, length = (length * 7) % 1009) {
    yield bytes.subarray(at, at + length);
  }
}

function agent() {
  const { process, Bun, Deno, EdgeRuntime, navigator } = /** @type {any} */ (globalThis);
  if (Bun) return `Bun ${Bun.version}`;
  if (Deno) return `Deno ${Deno.version.deno}`;
  if (EdgeRuntime) return `EdgeRuntime ${EdgeRuntime}`;
  if (process?.versions?.node && !navigator?.userAgent?.startsWith('Cloudflare')) {
    return `Node.js ${process.versions.node}`;
  }
  return navigator?.userAgent ?? 'unknown';
}
