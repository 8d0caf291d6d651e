/** Characters that some stores cannot hold in one line of text: controls and lone surrogates. */
const AWKWARD = /[\p{Cc}\p{Cs}]|^"/u;

/** Returns the text itself, or as JSON if a store could not hold it on one line. */
export function toOneLine(text: string): string {
  return AWKWARD.test(text) ? JSON.stringify(text) : text;
}

export function fromOneLine(text: string): string {
  return text.startsWith('"') ? JSON.parse(text) : text;
}
