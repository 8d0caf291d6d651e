/**
 * Times SHA-256 as hex text in the page of a browser or in a Worker, where a program cannot start processes.
 * All contenders share one realm and take turns; every second round is in reverse order. Plain
 * ECMAScript.
 */
import * as samekey from 'samekey';
import { SIZES } from './inputs.mjs';

/**
 * @typedef {object} Timing
 * @property {number} rounds
 * @property {number} batchMs the duration of one sample; clocks here tick in up to 1 ms
 * @property {number} warmupMs
 *
 * @typedef {object} DigestTimes
 * @property {string} engine the choice of samekey
 * @property {Record<string, string>} notRun the reason, by contender
 * @property {{id: string, roundsNs: Record<string, number[]>}[]} cells
 * @property {number | null} subtleFromBytes from this size the awaited digest of the platform is faster
 * @property {number} sum of characters of all outputs, so that no engine can skip the work
 *
 * @typedef {(bytes: Uint8Array<ArrayBuffer>) => any} Digest
 * @typedef {{name: string, call: Digest, isAsync: boolean}} Contender
 */

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hexOf(/** @type {ArrayBuffer} */ digest) {
  let hex = '';
  for (const byte of new Uint8Array(digest)) hex += HEX[byte];
  return hex;
}

const SUBTLE = 'crypto.subtle';

/** @type {Record<string, () => Promise<Digest>>} */
const CONTENDERS = {
  samekey: async () => (bytes) => samekey.sha256Hex(bytes),
  [SUBTLE]: async () => async (bytes) => hexOf(await crypto.subtle.digest('SHA-256', bytes)),
  async 'hash-wasm'() {
    const { createSHA256 } = await import('hash-wasm');
    const hasher = await createSHA256();
    return (bytes) => hasher.init().update(bytes).digest('hex');
  },
  async '@noble/hashes'() {
    const { sha256 } = await import('@noble/hashes/sha2.js');
    const { bytesToHex } = await import('@noble/hashes/utils.js');
    return (bytes) => bytesToHex(sha256(bytes));
  },
};

/**
 * @param {Timing} timing
 * @returns {Promise<DigestTimes>}
 */
export async function timeDigests(timing) {
  /** @type {Record<string, string>} */
  const notRun = {};
  /** @type {Contender[]} */
  const contenders = [];
  for (const [name, load] of Object.entries(CONTENDERS)) {
    try {
      contenders.push({ name, call: await load(), isAsync: name === SUBTLE });
    } catch (error) {
      notRun[name] = String(error);
    }
  }
  const cells = [];
  for (const { id, bytes } of SIZES) {
    cells.push({ id, roundsNs: await timeSize(contenders, bytes, timing) });
  }
  const subtleFromBytes = await findCrossover(contenders, timing);
  return { engine: samekey.activeEngine().name, notRun, cells, subtleFromBytes, sum: sink };
}

/**
 * Returns the nanoseconds a call of each round, by contender, after a check of every digest.
 *
 * @param {Contender[]} contenders
 * @param {number} byteCount
 * @param {Timing} timing
 */
async function timeSize(contenders, byteCount, { rounds, batchMs, warmupMs }) {
  const content = Uint8Array.from({ length: byteCount }, (_, i) => (i * 31 + 7) % 251);
  const wanted = hexOf(await crypto.subtle.digest('SHA-256', content));
  /** @type {Record<string, number[]>} */
  const roundsNs = {};
  const batches = [];
  for (const { name, call, isAsync } of contenders) {
    const given = (await call(content)).replace(/^ik_/, '');
    if (given !== wanted) throw new Error(`${name} gives a wrong digest of ${byteCount} bytes`);
    roundsNs[name] = [];
    const run = isAsync ? awaited(call, content) : inTurn(call, content);
    batches.push({ name, run, callCount: await callsPerBatch(run, batchMs, warmupMs) });
  }
  // The first round is discarded: engines compile in another thread and are done by its end.
  for (let round = -1; round < rounds; round++) {
    for (const { name, run, callCount } of round % 2 ? batches.toReversed() : batches) {
      const ns = ((await run(callCount)) / callCount) * 1e6;
      if (round >= 0) roundsNs[name]?.push(Number(ns.toPrecision(4)));
    }
  }
  return roundsNs;
}

/**
 * Bisects the sizes, in ratios, until the answer is within a fifth.
 *
 * @param {Contender[]} contenders
 * @param {Timing} timing
 */
async function findCrossover(contenders, timing) {
  const two = contenders.filter(({ name }) => name === 'samekey' || name === SUBTLE);
  const subtleWins = async (/** @type {number} */ bytes) => {
    const times = await timeSize(two, bytes, timing);
    const faster = times.samekey?.filter((ns, round) => ns > (times[SUBTLE]?.[round] ?? ns));
    return (faster?.length ?? 0) > timing.rounds / 2;
  };
  let below = 64;
  let above = 1 << 20;
  if (await subtleWins(below)) return below;
  if (!(await subtleWins(above))) return null;
  while (above / below > 1.2) {
    const middle = Math.round(Math.sqrt(above * below));
    if (await subtleWins(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** Reads every result, so that no contender leaves its text unfinished. */
let sink = 0;

/** @typedef {(callCount: number) => number | Promise<number>} Batch returns milliseconds */

/** @type {(call: Digest, content: Uint8Array<ArrayBuffer>) => Batch} */
const inTurn = (call, content) => (callCount) => {
  const from = performance.now();
  for (let i = 0; i < callCount; i++) sink ^= call(content).charCodeAt(9);
  return performance.now() - from;
};

/** One after another, as in code that needs each digest. @type {typeof inTurn} */
const awaited = (call, content) => async (callCount) => {
  const from = performance.now();
  for (let i = 0; i < callCount; i++) sink ^= (await call(content)).charCodeAt(9);
  return performance.now() - from;
};

/** Warms up, and finds how many calls make a batch. */
async function callsPerBatch(
  /** @type {Batch} */ run,
  /** @type {number} */ batchMs,
  /** @type {number} */ warmupMs,
) {
  let callCount = 1;
  for (let spentMs = 0; ; ) {
    const ms = await run(callCount);
    spentMs += ms;
    if (spentMs >= warmupMs && ms >= batchMs / 2) {
      return Math.max(1, Math.round((callCount * batchMs) / ms));
    }
    if (ms < batchMs / 2) callCount *= 2;
  }
}
