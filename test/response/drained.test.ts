import { describe, expect, it } from 'vitest';
import { LazyAbort } from '../../src/once/abort.js';
import { Alarms } from '../../src/once/alarms.js';
import { RunContext } from '../../src/once/call-function.js';
import { ArrivingResponse } from '../../src/response/arriving-response.js';
import type { StoredResponse } from '../../src/response/stored-response.js';

type Source = ReadableStreamDefaultController<Uint8Array>;

const KEY = 'key';
const LOST = new Error('the lease is lost');
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (content: string) => new Uint8Array(Buffer.from(content));

/** A response whose body the test controls, and what its reader and its run receive. */
function arriving({
  pull,
  onAbort = () => {},
}: {
  readonly pull?: (source: Source) => void | Promise<void>;
  readonly onAbort?: (source: Source) => void;
} = {}) {
  const abort = new LazyAbort();
  let source!: Source;
  let cancelledBy: unknown;
  let upstream!: LazyAbort;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      source = controller;
    },
    ...(pull && { pull }),
    cancel(reason) {
      cancelledBy = reason;
    },
  });
  const send = async (given: LazyAbort) => {
    upstream = given;
    given.listen(() => onAbort(source));
    return { status: 200, statusText: '', url: '', headers: [], body };
  };
  const response = new ArrivingResponse(
    { key: KEY, send },
    {
      held: undefined,
      maxBytes: 1e6,
      maxUnreadBytes: 1e6,
      idleMs: 60_000,
      idleLimits: new Alarms(60_000),
      isStored: () => true,
      isCoded: false,
      judge: undefined,
    },
  );
  const subscriber = response.subscribe(undefined, () => {});
  let onHead = () => {};
  const head = new Promise<void>((resolve) => {
    onHead = resolve;
  });
  const run = response.run(new RunContext(KEY, 1, 1, abort), onHead, () => {});
  run.catch(() => {});
  return {
    abort,
    run,
    head,
    source: () => source,
    upstream: () => upstream,
    cancelledBy: () => cancelledBy,
    read: () => new Response(subscriber.body as BodyInit).text(),
  };
}

const outcomeOf = (run: Promise<StoredResponse>) =>
  run.then(
    ({ body }) => text(body),
    (error) => error,
  );

describe('a response in the tick in which its run aborts', () => {
  it.each([
    ['before', 1],
    ['after', 1],
    ['before', 100],
    ['after', 100],
  ])('reaches its reader whole if it ends %s that, with %i more chunks', async (when, count) => {
    const { abort, run, head, source, upstream, read } = arriving();
    await head;
    source().enqueue(bytes('begin'));
    const reading = read();
    await new Promise(setImmediate);
    if (when === 'after') abort.abort(LOST);
    for (let i = 0; i < count; i++) source().enqueue(bytes(` ${i}`));
    source().close();
    if (when === 'before') abort.abort(LOST);
    const whole = `begin ${Array.from({ length: count }, (_, i) => i).join(' ')}`;
    expect(await reading).toBe(whole);
    expect(await outcomeOf(run)).toBe(whole);
    expect(upstream().aborted).toBe(false);
  });

  it('reaches its reader whole if all of it arrives then', async () => {
    const { abort, run, head, source, read } = arriving();
    for (let i = 0; i < 50; i++) source().enqueue(bytes('a'));
    source().close();
    abort.abort(LOST);
    await head;
    expect(await read()).toBe('a'.repeat(50));
    expect(await outcomeOf(run)).toBe('a'.repeat(50));
  });

  it('is cut if it has not ended, and its source is told', async () => {
    const { abort, run, head, source, upstream, cancelledBy, read } = arriving();
    await head;
    const reading = read();
    source().enqueue(bytes('begin'));
    abort.abort(LOST);
    await expect(reading).rejects.toBe(LOST);
    expect(await outcomeOf(run)).toBe(LOST);
    expect([upstream().reason, cancelledBy()]).toEqual([LOST, undefined]);
    expect(() => source().enqueue(bytes('more'))).toThrow(/closed/);
  });

  it('is cut if its source closes because it was told', async () => {
    const { abort, run, head, read } = arriving({ onAbort: (source) => source.close() });
    await head;
    const reading = read();
    abort.abort(LOST);
    await expect(reading).rejects.toBe(LOST);
    expect(await outcomeOf(run)).toBe(LOST);
  });

  it('is cut if its source always has more', async () => {
    let pulled = 0;
    let begin = () => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const { abort, run, head, read } = arriving({
      async pull(source) {
        await begun;
        if (++pulled > 100_000) source.close();
        else source.enqueue(bytes('x'));
      },
    });
    await head;
    const reading = read();
    begin();
    abort.abort(LOST);
    await expect(reading).rejects.toBe(LOST);
    expect(await outcomeOf(run)).toBe(LOST);
    expect(pulled).toBeLessThan(100_000);
  });
});
