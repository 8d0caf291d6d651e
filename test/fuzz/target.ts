/** The exports of each file in `targets/`. */
export interface Target {
  /** Reads an input, and throws unless the result is right. */
  fuzz(input: Uint8Array): void | Promise<void>;
  /** Inputs to begin with, their bytes as the characters of a text. */
  readonly seeds: readonly string[];
}
