/**
 * Counts how often each key occurs. Typed arrays take 40 to 50 bytes per key; a `Map` takes 200 and
 * holds at most 2^24 keys. A key is stored as 128 bits of its SHA-256, which do not collide in practice.
 * Its text is needed only for repeated keys, and is available when the key is added again.
 */
import { sha256 } from '../index.js';
import { Sum } from './sum.js';
import { compareCosts, NO_TOKENS, type Tokens, WorstRepeats } from './worst-repeats.js';

/** The counts of a log. Costs are the logged costs of the calls. */
export interface Tally {
  readonly callCount: number;
  readonly keyCount: number;
  /** Keys that occur more than once. */
  readonly repeatedCount: number;
  /** Calls beyond the first call of each key. */
  readonly duplicateCount: number;
  /** Calls whose key was not stored, because there were `maxKeys` keys already. */
  readonly notComparedCount: number;
  readonly cost: number;
  /** The cost of every call of a key except the most expensive one, for all keys. */
  readonly wasted: number;
  /** The tokens of all calls, and those of the wasted ones. */
  readonly tokens: Tokens;
  readonly wastedTokens: Tokens;
}

export interface TallyOptions {
  readonly maxKeys: number;
  readonly worstCount: number;
  /** Whether to count tokens: 16 more bytes per key, 32 per repeated key. */
  readonly hasTokens?: boolean;
}

/** The number of keys in a chunk of columns; a power of two. */
const CHUNK_KEYS = 1 << 16;
const FINGERPRINT_WORDS = 4;
/** The largest share of used slots. With more, probing for a free slot becomes slow. */
const MAX_LOAD = 0.75;

/** Two columns. They have no rows, and store nothing, when tokens are not counted. */
class TokenColumns {
  readonly #input: Float64Array;
  readonly #output: Float64Array;

  constructor(isCounting: boolean) {
    this.#input = new Float64Array(isCounting ? CHUNK_KEYS : 0);
    this.#output = new Float64Array(isCounting ? CHUNK_KEYS : 0);
  }

  get(at: number): Tokens {
    return { input: this.#input[at] ?? 0, output: this.#output[at] ?? 0 };
  }

  set(at: number, { input, output }: Tokens): void {
    this.#input[at] = input;
    this.#output[at] = output;
  }
}

const sumOf = (a: Tokens, b: Tokens): Tokens => ({
  input: a.input + b.input,
  output: a.output + b.output,
});

/** The columns of all keys. */
class KeyChunk {
  readonly fingerprints = new Uint32Array(CHUNK_KEYS * FINGERPRINT_WORDS);
  readonly firstLines = new Float64Array(CHUNK_KEYS);
  readonly maxCosts = new Float64Array(CHUNK_KEYS);
  readonly maxTokens: TokenColumns;
  /** Index of the key's row in the repeat chunks plus 1; 0 for a key that is not repeated. */
  readonly repeats = new Uint32Array(CHUNK_KEYS);

  constructor(hasTokens: boolean) {
    this.maxTokens = new TokenColumns(hasTokens);
  }
}

/** The cost of one call. */
interface CallCost {
  readonly cost: number;
  readonly tokens: Tokens;
}

/** The columns of repeated keys. */
class RepeatChunk {
  readonly times = new Float64Array(CHUNK_KEYS);
  readonly wasted = new Float64Array(CHUNK_KEYS);
  readonly wastedTokens: TokenColumns;

  constructor(hasTokens: boolean) {
    this.wastedTokens = new TokenColumns(hasTokens);
  }
}

export class KeyTally implements Tally {
  readonly worst: WorstRepeats;
  callCount = 0;
  keyCount = 0;
  repeatedCount = 0;
  duplicateCount = 0;
  notComparedCount = 0;
  tokens = NO_TOKENS;
  wastedTokens = NO_TOKENS;

  readonly #maxKeys: number;
  readonly #hasTokens: boolean;
  readonly #cost = new Sum();
  readonly #wasted = new Sum();
  readonly #keys: KeyChunk[] = [];
  readonly #repeats: RepeatChunk[] = [];
  /** A hash table with open addressing. A slot contains the index of a key plus 1, or 0. */
  #slots = new Uint32Array(1 << 10);

  constructor({ maxKeys, worstCount, hasTokens = false }: TallyOptions) {
    this.#maxKeys = maxKeys;
    this.#hasTokens = hasTokens;
    this.worst = new WorstRepeats(worstCount);
  }

  get cost(): number {
    return this.#cost.value;
  }

  get wasted(): number {
    return this.#wasted.value;
  }

  add(key: string, line: number, cost: number, tokens = NO_TOKENS): void {
    this.callCount++;
    this.#cost.add(cost);
    if (this.#hasTokens) this.tokens = sumOf(this.tokens, tokens);
    const fingerprint = fingerprintOf(key);
    const slot = this.#slotOf(fingerprint);
    const index = (this.#slots[slot] as number) - 1;
    if (index !== -1) this.#addRepeat(index, key, line, { cost, tokens });
    else if (this.keyCount === this.#maxKeys) this.notComparedCount++;
    else this.#addKey(slot, fingerprint, line, { cost, tokens });
  }

  #addKey(slot: number, fingerprint: Uint32Array, line: number, { cost, tokens }: CallCost): void {
    const index = this.keyCount++;
    const at = index % CHUNK_KEYS;
    if (at === 0) this.#keys.push(new KeyChunk(this.#hasTokens));
    const chunk = this.#keys.at(-1) as KeyChunk;
    chunk.fingerprints.set(fingerprint, at * FINGERPRINT_WORDS);
    chunk.firstLines[at] = line;
    chunk.maxCosts[at] = cost;
    chunk.maxTokens.set(at, tokens);
    this.#slots[slot] = index + 1;
    if (this.keyCount > this.#slots.length * MAX_LOAD) this.#grow();
  }

  #addRepeat(index: number, key: string, line: number, call: CallCost): void {
    const chunk = this.#keys[Math.floor(index / CHUNK_KEYS)] as KeyChunk;
    const at = index % CHUNK_KEYS;
    const before = {
      cost: chunk.maxCosts[at] as number,
      tokens: chunk.maxTokens.get(at),
    };
    const [cheaper, costlier] = compareCosts(call, before) < 0 ? [call, before] : [before, call];
    chunk.maxCosts[at] = costlier.cost;
    chunk.maxTokens.set(at, costlier.tokens);
    const row = this.#rowOf(chunk, at);
    const repeats = this.#repeats[Math.floor(row / CHUNK_KEYS)] as RepeatChunk;
    const inChunk = row % CHUNK_KEYS;
    const times = (repeats.times[inChunk] as number) + 1;
    const wasted = (repeats.wasted[inChunk] as number) + cheaper.cost;
    const wastedTokens = sumOf(repeats.wastedTokens.get(inChunk), cheaper.tokens);
    repeats.times[inChunk] = times;
    repeats.wasted[inChunk] = wasted;
    repeats.wastedTokens.set(inChunk, wastedTokens);
    this.duplicateCount++;
    this.#wasted.add(cheaper.cost);
    if (this.#hasTokens) this.wastedTokens = sumOf(this.wastedTokens, cheaper.tokens);
    const firstLine = chunk.firstLines[at] as number;
    this.worst.offer({
      ...{ key, times, firstLine, lastLine: line, wasted },
      ...(this.#hasTokens && { wastedTokens }),
    });
  }

  /** Returns the row of a repeated key, and adds it for the first repetition. */
  #rowOf(chunk: KeyChunk, at: number): number {
    if (chunk.repeats[at] === 0) {
      const row = this.repeatedCount++;
      if (row % CHUNK_KEYS === 0) this.#repeats.push(new RepeatChunk(this.#hasTokens));
      (this.#repeats.at(-1) as RepeatChunk).times[row % CHUNK_KEYS] = 1;
      chunk.repeats[at] = row + 1;
    }
    return (chunk.repeats[at] as number) - 1;
  }

  /** Returns the slot of the key, or the free slot where it belongs. */
  #slotOf(fingerprint: Uint32Array): number {
    const mask = this.#slots.length - 1;
    let slot = (fingerprint[0] as number) & mask;
    for (
      let entry = this.#slots[slot] as number;
      entry !== 0;
      entry = this.#slots[slot] as number
    ) {
      if (this.#isKey(entry - 1, fingerprint)) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #isKey(index: number, fingerprint: Uint32Array): boolean {
    const { fingerprints } = this.#keys[Math.floor(index / CHUNK_KEYS)] as KeyChunk;
    const from = (index % CHUNK_KEYS) * FINGERPRINT_WORDS;
    for (let i = 0; i < FINGERPRINT_WORDS; i++) {
      if (fingerprints[from + i] !== fingerprint[i]) return false;
    }
    return true;
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let index = 0; index < this.keyCount; index++) {
      const { fingerprints } = this.#keys[Math.floor(index / CHUNK_KEYS)] as KeyChunk;
      let slot = (fingerprints[(index % CHUNK_KEYS) * FINGERPRINT_WORDS] as number) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = index + 1;
    }
    this.#slots = slots;
  }
}

const words = new Uint32Array(FINGERPRINT_WORDS);
const bytes = new Uint8Array(words.buffer);

/**
 * Hashes the UTF-16 of the key: a log may contain lone surrogates, which UTF-8 cannot encode. The next
 * call overwrites the result.
 */
function fingerprintOf(key: string): Uint32Array {
  bytes.set(sha256(Buffer.from(key, 'utf16le')).subarray(0, bytes.length));
  return words;
}
