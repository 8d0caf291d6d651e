import type { IncomingMessage } from 'node:http';

/** A header's name and value, as received. */
export type HeaderPair = readonly [name: string, value: string];

/**
 * Headers of one connection, which a proxy does not forward (RFC 9110 §7.6.1). Each connection has its
 * own message framing, and the proxy answers `expect`, since it reads the body.
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

/** Returns the headers that are forwarded, in their order and spelling. */
export function endToEndHeaders({ rawHeaders, headers }: IncomingMessage): HeaderPair[] {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set<string>([...HOP_BY_HOP, ...named]);
  // `connection` must not remove it: without it the end of the message is unknown.
  dropped.delete('content-length');
  return pairsOf(rawHeaders).filter(([name]) => !dropped.has(name.toLowerCase()));
}

export const without = (pairs: readonly HeaderPair[], ...names: readonly string[]) =>
  pairs.filter(([name]) => !names.includes(name.toLowerCase()));

/** Returns all values of a header, as received. */
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
