/** Compares what a client receives from a bare handler and from the same handler behind samekey. */
import { request } from 'node:http';
import { expect } from 'vitest';

/** A response as it was on the wire. */
export interface Received {
  readonly status: number | undefined;
  readonly statusText: string | undefined;
  /** Sorted lines, with the names in lower case. */
  readonly headers: readonly string[];
  /** The names as they were spelled. */
  readonly names: readonly string[];
  readonly body: string;
}

/** What samekey adds to every response of a request with a key. */
const ADDED = new Set(['samekey', 'samekey-key']);
/** Made by the server for each response or each connection. */
const PER_RESPONSE = new Set(['date', 'connection', 'keep-alive']);
/** Cookies belong to the client whose request ran the handler. */
const NOT_REPLAYED = new Set(['set-cookie']);

/** How a body is framed on the connection. A stored response is whole, so its length is known. */
const FRAMING = new Set(['content-length', 'transfer-encoding']);

/** Sends a request without a client that hides anything. */
export const receive = (url: string, key: string, method = 'POST'): Promise<Received> =>
  new Promise((resolve, reject) => {
    const headers = { 'idempotency-key': key, 'content-length': '0' };
    request(url, { method, headers, agent: false }, async (response) => {
      const { statusCode: status, statusMessage: statusText, rawHeaders } = response;
      const body = Buffer.concat(await response.toArray()).toString('latin1');
      const lines = rawHeaders.flatMap((name, at) =>
        at % 2 === 0 ? [`${name.toLowerCase()}: ${rawHeaders[at + 1]}`] : [],
      );
      const nameIn = (line: string) => line.slice(0, line.indexOf(':'));
      const sorted = lines.filter((line) => !PER_RESPONSE.has(nameIn(line))).sort();
      const names = rawHeaders.filter((_, at) => at % 2 === 0);
      resolve({ status, statusText, headers: sorted, names, body });
    })
      .on('error', reject)
      .end();
  });

type Compared = Omit<Received, 'names'>;

const without = (names: ReadonlySet<string>, { headers, ...rest }: Compared): Compared => ({
  ...rest,
  headers: headers.filter((line) => !names.has(line.slice(0, line.indexOf(':')))),
});
const outcomeOf = ({ headers }: Compared) =>
  headers.find((line) => line.startsWith('samekey: '))?.slice(9);

interface Comparison {
  readonly method?: string;
  /** Lines of the head that the bare handler does not send. */
  readonly added?: readonly string[];
}

/** Sends a request to the bare handler, and twice to the one behind samekey. */
export async function expectEqual(
  bare: string,
  guarded: string,
  { method, added = [] }: Comparison = {},
) {
  const key = 'a';
  const plain = joinLines(await receive(bare, key, method));
  const expected = { ...plain, headers: [...plain.headers, ...added].sort() };
  const executed = joinLines(await receive(guarded, key, method));
  expect(outcomeOf(executed)).toBe('executed');
  expect(without(ADDED, executed)).toEqual(expected);
  const again = joinLines(await receive(guarded, key, method));
  const isStored = (expected.status as number) < 400;
  // The response to a HEAD ends before the stream of the handler does.
  const isSame = isStored
    ? method === 'HEAD'
      ? /^(?:replayed|joined)$/
      : /^replayed$/
    : /^executed$/;
  expect(outcomeOf(again)).toMatch(isSame);
  const ignored = new Set([...ADDED, ...NOT_REPLAYED]);
  // A stream was sent in chunks, and is replayed with its length.
  const hasLength = expected.headers.some((line) => line.startsWith('content-length: '));
  const wasChunked =
    expected.headers.includes('transfer-encoding: chunked') || (method === 'HEAD' && !hasLength);
  if (wasChunked && isStored) for (const name of FRAMING) ignored.add(name);
  expect(without(ignored, again)).toEqual(without(isStored ? ignored : ADDED, expected));
}

/** samekey sends the lines of one name in one line, which means the same (RFC 9110 §5.3). */
function joinLines({ names: _, ...received }: Received): Compared {
  const values = new Map<string, string[]>();
  const cookies: string[] = [];
  for (const line of received.headers) {
    const at = line.indexOf(': ');
    const name = line.slice(0, at);
    if (name === 'set-cookie') cookies.push(line);
    else values.set(name, [...(values.get(name) ?? []), line.slice(at + 2)]);
  }
  const joined = [...values].map(([name, all]) => `${name}: ${all.join(', ')}`);
  return { ...received, headers: [...joined, ...cookies].sort() };
}
