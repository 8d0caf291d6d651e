import { describe, expect, it } from 'vitest';
import { ResponseJudge } from '../../src/response/judge.js';
import { deep } from '../depth.js';
import { showsItsEnd, wholeAfter, wholeBetween } from './corpus/cuts.js';
import { answerWith, askTwice } from './corpus/scene.js';
import { bytesOf, chunksOf, type Shape, shapes } from './corpus/shapes.js';

const ORIGIN = 'http://upstream.test';
/** Every n-th shape, so that each API is in the sample. */
const sample = (list: readonly Shape[], every: number) =>
  list.filter((_, at) => at % deep(every, 1) === 0);
const named = (list: readonly Shape[]) =>
  list.map((shape) => [shape.id, shape.verdict, shape] as const);

const successes = shapes.filter(({ status }) => status === 200);
const streams = successes.filter(
  (shape) => showsItsEnd(shape) && Array.isArray(shape.body) && shape.body.length > 0,
);

describe('byte by byte', () => {
  it.each(named(sample(shapes, 7)))('%s is %s', async (_id, verdict, shape) => {
    const bytes = bytesOf(shape);
    // A body without a length does not say that it is empty on purpose.
    if (bytes.toString().trim() === '') return;
    const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
    let askCount = 0;
    const answer = answerWith(shape, chunks);
    const seen = await askTwice(shape, ORIGIN, (...args) => {
      askCount++;
      return answer(...args);
    });
    expect(seen.verdict).toBe(verdict);
    expect(askCount).toBe(verdict === 'complete' && shape.status < 300 ? 1 : 2);
    expect(seen.first.bytes.equals(bytes)).toBe(true);
    expect(seen.second.bytes.equals(bytes)).toBe(true);
  });
});

describe('cut between two chunks, with a clean end', () => {
  it.each(named(sample(streams, 7)))('%s (%s)', async (_id, verdict, shape) => {
    const chunks = chunksOf(shape);
    for (let count = 0; count < chunks.length; count++) {
      let askCount = 0;
      const arrived = chunks.slice(0, count);
      const answer = answerWith(shape, arrived);
      const seen = await askTwice(shape, ORIGIN, (...args) => {
        askCount++;
        return answer(...args);
      });
      const isWhole = count >= wholeAfter(shape);
      const what = `${count} of ${chunks.length} chunks`;
      expect([what, seen.verdict === 'complete', askCount]).toEqual([
        what,
        isWhole && verdict !== 'unknown',
        isWhole && verdict !== 'unknown' ? 1 : 2,
      ]);
      expect(seen.first.bytes.equals(Buffer.concat(arrived))).toBe(true);
    }
  });
});

describe('cut at every byte', () => {
  const whole = successes.filter(
    (shape) =>
      showsItsEnd(shape) &&
      (shape.verdict === 'complete' || shape.wholeAfter !== undefined) &&
      bytesOf(shape).length > 0 &&
      // The beginning of a number is a number.
      !/^\d+$/.test(String(shape.body)),
  );
  it.each(named(sample(whole, 7)))('%s (%s)', (_id, _verdict, shape) => {
    const bytes = bytesOf(shape);
    const [from, to] = wholeBetween(shape);
    const isFrames = shape.contentType?.includes('amazon') === true;
    const wrong: [length: number, verdict: string][] = [];
    for (let length = 0; length < bytes.length; length++) {
      // After the end of a whole answer a failure may follow, and half a frame is broken.
      if (length >= from && (length < to || isFrames)) continue;
      const headers = { 'content-type': shape.contentType ?? '' };
      const judge = new ResponseJudge(
        { status: 200, statusText: '', url: '', headers: [...new Headers(headers)], body: null },
        1e6,
      );
      judge.see(bytes.subarray(0, length));
      const { verdict } = judge.end();
      const isRight =
        length < from ? verdict !== 'complete' : verdict === 'complete' || verdict === 'failed';
      if (!isRight) wrong.push([length, verdict]);
    }
    expect(wrong).toEqual([]);
  });
});
