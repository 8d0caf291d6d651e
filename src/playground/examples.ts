/** The requests in `examples/`, by file name. The build inserts them. */
declare const EXAMPLE_TEXTS: Readonly<Record<string, string>>;

export const EXAMPLES = EXAMPLE_TEXTS;

/** Returns the name of the example with this text; an empty text if it is not an example. */
export function exampleName(text: string): string {
  return Object.keys(EXAMPLES).find((name) => EXAMPLES[name] === text) ?? '';
}
