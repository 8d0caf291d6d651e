/**
 * RFC 8785 in ten lines, for values that are nothing but JSON: what the fast writer is held to.
 * Strings and numbers are `JSON.stringify`'s, as the RFC defines them by ECMAScript (§3.2.2).
 */
export function referenceJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(referenceJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => compareCodeUnits(a, b))
    .map(([name, member]) => `${JSON.stringify(name)}:${referenceJson(member)}`);
  return `{${members.join(',')}}`;
}

/** §3.2.3, spelled out: it depends on no locale, and compares code units, not code points. */
function compareCodeUnits(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a.charCodeAt(i) - b.charCodeAt(i);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
