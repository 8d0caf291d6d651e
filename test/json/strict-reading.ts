/** A string, a mark, or a number or literal: all there is in a text that is known to be JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/**
 * The value of a text that is JSON and has one meaning only, else `undefined`: the grammar is left to
 * `JSON.parse`, and what I-JSON (RFC 7493) refuses beyond it is looked for in the tokens.
 */
export function strictReading(bytes: Uint8Array): { value: unknown } | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    return isUnambiguous(text.match(TOKEN) ?? []) ? { value } : undefined;
  } catch {
    return undefined;
  }
}

function isUnambiguous(tokens: readonly string[]): boolean {
  const open: Set<string>[] = [];
  return tokens.every((token, i) => {
    if (token === '{' || token === '[') open.push(new Set());
    if (token === '}' || token === ']') open.pop();
    if (/^-?\d/.test(token)) {
      const value = Number(token);
      if (!/^-?\d+$/.test(token)) return Number.isFinite(value);
      return Number.isSafeInteger(value) || String(value) === token;
    }
    if (token[0] !== '"') return true;
    const string = JSON.parse(token) as string;
    if (/\p{Surrogate}/u.test(string)) return false;
    if (tokens[i + 1] !== ':') return true;
    const names = open.at(-1) as Set<string>;
    return !names.has(string) && names.add(string) !== undefined;
  });
}
