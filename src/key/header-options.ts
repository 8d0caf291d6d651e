import { type OptionsOf, specs, text } from '../options/spec.js';

/** The name of a header: a token (RFC 9110 §5.6.2). */
export const HEADER_NAME = {
  wanted: 'the name of a header',
  pattern: /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/,
} as const;

/** The options of every function that reads or writes a key in a header. */
export const headerOptions = /* @__PURE__ */ specs(() => ({
  /** The header that carries the key. */
  headerName: text({ default: 'Idempotency-Key', ...HEADER_NAME }),
  /** The beginning of a key in the header. Stores and logs keep `ik_`. */
  // A prefix may stand in a header, a log and a batch id alike.
  keyPrefix: text({
    default: 'ik_',
    wanted: '1 to 16 letters, digits, "_" and "-", such as "idem_"',
    pattern: /^[a-zA-Z][a-zA-Z0-9_-]{0,15}$/,
  }),
}));

export interface HeaderOptions extends OptionsOf<typeof headerOptions> {}
