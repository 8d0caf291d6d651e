import { describe, expect, it } from 'vitest';
import {
  ARRIVALS,
  type Arrival,
  ask,
  SERVERS,
  type ServerName,
  startServer,
  type Wire,
  WRITERS,
} from './node-ways.js';

const BODY = '{"item":1}';
/** What samekey adds. */
const ADDED = /^samekey(?:-key)?: /i;
/** How a body is framed. */
const FRAMING = /^(?:content-length|transfer-encoding|trailer): /i;

/** One line for each name, with the names in lower case, in the order of the alphabet. */
function joined(lines: readonly string[]): string[] {
  const values = new Map<string, string[]>();
  for (const line of lines) {
    const at = line.indexOf(': ');
    const name = line.slice(0, at).toLowerCase();
    values.set(name, [...(values.get(name) ?? []), line.slice(at + 2)]);
  }
  return [...values].map(([name, all]) => `${name}: ${all.join(', ')}`).sort();
}

const without = ({ headers, ...rest }: Wire, ...ignored: RegExp[]) => ({
  ...rest,
  headers: joined(headers).filter((line) => !ignored.some((each) => each.test(line))),
});

/** A length that samekey knows and the bare handler did not send is allowed on HTTP/2. */
function expectLength({ headers, body }: Wire) {
  const length = joined(headers).find((line) => line.startsWith('content-length: '));
  if (length !== undefined) expect(length).toBe(`content-length: ${body.length}`);
}

const cases = (Object.keys(SERVERS) as ServerName[]).flatMap((name) =>
  ARRIVALS.filter((arrival) => !/Fastify/.test(name) || arrival === 'parsed before').map(
    (arrival): [ServerName, Arrival] => [name, arrival],
  ),
);

describe.each(cases)(
  'on %s, with a body that is %s, a response is the bare one:',
  (name, arrival) => {
    const lateMs = arrival === 'behind the middleware' ? 20 : 0;

    it.each(Object.keys(WRITERS))('%s', async (way) => {
      const bare = await startServer(name, arrival, false);
      const guarded = await startServer(name, arrival, true);
      const expected = await ask(bare, way, BODY, lateMs);
      const executed = await ask(guarded, way, BODY, lateMs);
      expect(executed.headers.filter((line) => ADDED.test(line))).toContain('samekey: executed');
      const { isHttp2 } = bare;
      const lengthIsNew =
        isHttp2 && !joined(expected.headers).some((line) => /^content-length/.test(line));
      if (lengthIsNew) expectLength(executed);
      expect(without(executed, ADDED, ...(lengthIsNew ? [/^content-length: /] : []))).toEqual(
        without(expected),
      );
      await expect.poll(() => guarded.seen).toEqual(bare.seen);
      expect(guarded.seen[0]?.body).toBe(BODY);

      const replayed = await ask(guarded, way, BODY, lateMs);
      expect(replayed.headers.filter((line) => ADDED.test(line))).toContain('samekey: replayed');
      expect(without(replayed, ADDED, FRAMING)).toEqual({
        ...without(expected, FRAMING),
        trailers: [],
      });
      expectLength(replayed);
      expect(joined(replayed.headers).some((line) => /^content-length: /.test(line))).toBe(true);
      expect(guarded.seen).toHaveLength(1);
    });
  },
);

it('every way of writing has the same body', async () => {
  const bodies = new Set<string>();
  const server = await startServer('node:http', 'before the middleware', true);
  for (const way of Object.keys(WRITERS)) {
    bodies.add((await ask(server, way, BODY, 0)).body);
    bodies.add((await ask(server, way, BODY, 0)).body);
  }
  expect(bodies.size).toBe(1);
});
