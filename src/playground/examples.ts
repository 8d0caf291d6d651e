/** The requests in `examples/`, which the build puts here, by the name of their files. */
declare const EXAMPLE_TEXTS: Readonly<Record<string, string>>;

export const EXAMPLES = EXAMPLE_TEXTS;
