/** For text that is known to be well-formed: a lone surrogate would come out as U+FFFD. */
export const encoder = /* @__PURE__ */ new TextEncoder();

/** U+FEFF at the start is data here, and not a byte order mark to be dropped. */
export const decoder = /* @__PURE__ */ new TextDecoder('utf-8', { ignoreBOM: true });
