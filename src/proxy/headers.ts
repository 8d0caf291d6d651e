import type { IncomingMessage } from 'node:http';

/** A header's name and value, as they came. */
export type HeaderPair = readonly [name: string, value: string];

/**
 * Headers of one connection, which end where it ends (RFC 9110 §7.6.1). Where a message begins and
 * ends is said anew on each, and `expect` is answered by whoever takes the body.
 */
const HOP_BY_HOP = [
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
] as const;

/** The message's headers that go on to the other side, in their order and spelling. */
export function endToEndHeaders({ rawHeaders, headers }: IncomingMessage): HeaderPair[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const left = new Set<string>([...HOP_BY_HOP, ...named]);
  // Not theirs to take away: without it nobody knows where the message ends.
  left.delete('content-length');
  return pairsOf(rawHeaders).filter(([name]) => !left.has(name.toLowerCase()));
}

export const without = (pairs: readonly HeaderPair[], ...names: readonly string[]) =>
  pairs.filter(([name]) => !names.includes(name.toLowerCase()));

/** All values of a header, each as it came. */
export const valuesOf = ({ rawHeaders }: IncomingMessage, wanted: string) =>
  pairsOf(rawHeaders)
    .filter(([name]) => name.toLowerCase() === wanted)
    .map(([, value]) => value);

function pairsOf(rawHeaders: readonly string[]): HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    pairs.push([rawHeaders[at] as string, rawHeaders[at + 1] as string]);
  }
  return pairs;
}
