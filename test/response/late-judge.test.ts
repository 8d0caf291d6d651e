import { describe, expect, it } from 'vitest';
import type { BodyJudge, Judgement } from '../../src/response/answer.js';
import { ResponseJudge } from '../../src/response/judge.js';
import { LateJudge } from '../../src/response/late-judge.js';
import {
  events,
  fetchWith,
  outcomeOf,
  rejection,
  server,
  upstream,
  useUpstream,
} from '../fetch/scene.js';
import { bytesOf, shapes } from '../providers/corpus/shapes.js';
import { eventStream } from '../servers/upstream.js';

const afterThisTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

const judgeOf = (contentType: string | null) =>
  new ResponseJudge(
    {
      status: 200,
      statusText: '',
      url: '',
      headers: [['content-type', contentType ?? '']],
      body: null,
    },
    1e6,
  );

describe('a failure that is judged late', () => {
  it('is found as one that is judged at once, in every answer of the corpus', async () => {
    const found: unknown[] = [];
    for (const shape of shapes) {
      const bytes = bytesOf(shape);
      const outcomes: unknown[] = [];
      for (const when of ['at once', 'after the turn', 'at the end']) {
        const judge = judgeOf(shape.contentType);
        let failure: Judgement | undefined;
        const see = (told: Judgement | undefined) => {
          failure = told;
        };
        const late = new LateJudge(judge, see, (error) => expect.unreachable(String(error)));
        for (let at = 0; at < bytes.length; at += 99) {
          late.add(bytes.subarray(at, at + 99));
          if (when === 'at once') late.catchUp();
          if (when === 'after the turn') late.catchUpSoon();
        }
        if (when === 'after the turn') await afterThisTurn();
        if (when === 'at the end') late.catchUp();
        outcomes.push([failure, judge.end()]);
        found.push(failure?.verdict);
      }
      expect(outcomes[1]).toEqual(outcomes[0]);
      expect(outcomes[2]).toEqual(outcomes[0]);
    }
    expect(new Set(found)).toEqual(new Set([undefined, 'failed']));
  });

  it('reports the error of a judge, and is not an uncaught one', async () => {
    const judge: BodyJudge = {
      see: () => {
        throw new Error('no judge');
      },
      end: () => expect.unreachable(),
    };
    const errors: unknown[] = [];
    const late = new LateJudge(
      judge,
      () => expect.unreachable(),
      (error) => errors.push(error),
    );
    late.add(Uint8Array.of(1));
    late.catchUpSoon();
    await afterThisTurn();
    expect(errors).toEqual([new Error('no judge')]);
  });
});

describe('a stream that says that it failed', () => {
  useUpstream();

  it('is not joined by a reader that retries as soon as it has read that', async () => {
    server.behave = ({ count }, response) => {
      const write = eventStream(response);
      write('message_start', {});
      if (count === 1)
        setTimeout(() => write('error', { error: { type: 'overloaded_error' } }), 20);
      else setTimeout(() => response.end('event: message_stop\ndata: {}\n\n'), 20);
    };
    const { ask } = fetchWith();
    const first = await ask();
    const reader = (first.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let again: Promise<Response> | undefined;
    while (again === undefined) {
      const { value } = await reader.read();
      if (decoder.decode(value).includes('event: error')) again = ask();
    }
    expect(outcomeOf(await again)).toBe('executed');
    expect(await (await again).text()).toContain('message_stop');
    expect(upstream.requests).toHaveLength(2);
    await reader.cancel();
  });

  it('has failed, and no unknown outcome, if its connection breaks right after it', async () => {
    const encoder = new TextEncoder();
    const error = 'event: error\ndata: {"error":{"type":"overloaded_error"}}\n\n';
    let breakOff = () => {};
    const { ask } = fetchWith({
      fetch: async () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(encoder.encode('event: message_start\ndata: {}\n\n'));
              breakOff = () => {
                controller.enqueue(encoder.encode(error));
                // After the chunk was read, and in the same turn.
                Promise.resolve().then(() => controller.error(new TypeError('terminated')));
              };
            },
          }),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    });
    const text = (await ask()).text();
    breakOff();
    expect(await rejection(text)).toMatchObject({ message: 'terminated' });
    await expect
      .poll(() => events.find(({ type }) => type === 'failed'))
      .toMatchObject({
        unknown: false,
        error: { code: 'SAMEKEY_NOT_KEPT' },
      });
  });
});
