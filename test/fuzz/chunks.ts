import { random } from '../runtime/random.js';

/** Takes the first bytes of an input as choices. The fuzzer changes them like all other bytes. */
export function withChoices(input: Uint8Array, count: number): [...choices: number[], Uint8Array] {
  const choices = Array.from({ length: count }, (_, i) => input[i] ?? 0);
  return [...choices, new Uint8Array(input.subarray(count))];
}

/** The most bytes of a chunk. */
const SIZES = [1, 2, 5, 17, 100, 1000];

/** Cuts bytes into chunks of random sizes, some of them empty. The same choice cuts at the same places. */
export function cut(bytes: Uint8Array, choice: number): Uint8Array[] {
  const next = random(choice);
  const size = SIZES[choice % SIZES.length] as number;
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + (size === 1 ? 1 : Math.floor(next() * (size + 1)));
    // With a buffer of its own, so that a reader cannot see the next chunk.
    chunks.push(new Uint8Array(bytes.subarray(at, end)));
    at = Math.min(end, bytes.length);
  }
  return chunks;
}

/** Parses an input as JSON; `undefined` for anything else. */
export function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
