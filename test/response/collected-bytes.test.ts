import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { CollectedBytes } from '../../src/response/collected-bytes.js';
import { readBody } from '../../src/server/payload.js';

const PIECES = 200_000;

it.each([0, 1, 2, 4095, 4096, 4097, 10_000])('%i pieces are one body', (count) => {
  const collected = new CollectedBytes();
  for (let at = 0; at < count; at++) collected.add(Uint8Array.of(at & 255, 7));
  expect(collected.byteCount).toBe(2 * count);
  const whole = collected.whole();
  expect(whole.length).toBe(2 * count);
  expect(whole.every((byte, at) => byte === (at % 2 === 1 ? 7 : (at >> 1) & 255))).toBe(true);
});

it('a body in pieces of one byte takes its own size in memory, not many times it', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const heldBytes = () => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  let sent = 0;
  let grownBytes = 0;
  const before = heldBytes();
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (++sent <= PIECES) return controller.enqueue(new Uint8Array(1));
        grownBytes = heldBytes() - before;
        return controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request('http://a.example/', {
    method: 'POST',
    body,
    duplex: 'half',
  } as RequestInit);
  expect(await readBody(request, PIECES)).toHaveLength(PIECES);
  expect(grownBytes).toBeLessThan(50 * PIECES);
});
