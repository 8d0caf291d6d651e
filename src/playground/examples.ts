/** The requests in `examples/`, by file name. The build inserts them. */
declare const EXAMPLE_TEXTS: Readonly<Record<string, string>>;

export const EXAMPLES = EXAMPLE_TEXTS;
