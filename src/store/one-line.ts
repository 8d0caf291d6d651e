/** What not every store can hold in a text: controls, lone surrogates. */
const AWKWARD = /[\p{Cc}\p{Cs}]|^"/u;

/** A text as itself, or as JSON where a store could not hold it on one line, or at all. */
export function toOneLine(text: string): string {
  return AWKWARD.test(text) ? JSON.stringify(text) : text;
}

export function fromOneLine(text: string): string {
  return text.startsWith('"') ? JSON.parse(text) : text;
}
