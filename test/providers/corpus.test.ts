import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askTwice, readWith, type ShapeServer, startShapeServer } from './corpus/scene.js';
import { bytesOf, corpus, shapes } from './corpus/shapes.js';

let server: ShapeServer;

beforeAll(async () => {
  server = await startShapeServer();
});

afterAll(() => server.stop());

/** Those of the connection belong to it, not to the response. */
const OF_CONNECTION = ['connection', 'keep-alive', 'transfer-encoding'];

/** Headers without those of samekey and of the connection, and without the time. */
const ownless = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(headers).filter(
      ([name]) => name !== 'date' && !name.startsWith('samekey') && !OF_CONNECTION.includes(name),
    ),
  );

it('the shapes have different names, a reason and a source', () => {
  expect(new Set(shapes.map(({ id }) => id)).size).toBe(shapes.length);
  expect(shapes.filter(({ why, source }) => !why || !source)).toEqual([]);
});

describe.each([...corpus])('%s', (_, list) => {
  it.each(list.map((shape) => [shape.id, shape.verdict, shape] as const))(
    '%s is %s',
    async (_id, verdict, shape) => {
      const body = shape.status === 204 ? Buffer.alloc(0) : bytesOf(shape);
      server.serve(shape);
      const plain = await readWith(fetch, shape, server.origin);
      expect(plain.bytes.equals(body)).toBe(true);
      server.serve(shape);
      const { first, second, ...seen } = await askTwice(shape, server.origin);
      expect({ ...seen, askCount: server.askCount }).toEqual({
        verdict,
        askCount: verdict === 'complete' && shape.status < 300 ? 1 : 2,
      });
      expect(ownless(first.headers)).toEqual(ownless(plain.headers));
      for (const { status, headers, bytes, error } of [first, second]) {
        expect(bytes.toString('latin1')).toBe(body.toString('latin1'));
        expect(status).toBe(shape.status);
        expect(headers['content-type']).toBe(plain.headers['content-type']);
        expect(error).toBe(verdict === 'broken' ? 'SAMEKEY_BROKEN_RESPONSE' : undefined);
      }
    },
  );
});
