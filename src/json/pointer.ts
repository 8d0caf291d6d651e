/** Returns the tokens of a path as a JSON Pointer (RFC 6901 §3). `""` is the whole value. */
export function toPointer(tokens: readonly (string | number)[]): string {
  return tokens
    .map((token) => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('');
}
