/** Bytes of input under way beyond which no more is read, as long as each thread has some. */
const MAX_BYTES_UNDER_WAY = 1 << 26;

/** What is put through `inOrder`. */
interface Sized {
  readonly bytes: { readonly length: number };
}

interface UnderWay<R> {
  readonly result: Promise<R>;
  readonly byteCount: number;
}

/**
 * The results of `run`, in the order of the batches. Two batches for each thread are under way: one
 * that it works on, and one that is there when it has done that. Nothing more is read until the
 * first of them has been taken. What was read before reading failed still comes.
 */
export async function* inOrder<B extends Sized, R>(
  batches: AsyncIterable<B> | Iterable<B>,
  run: (batch: B) => Promise<R>,
  threads: number,
): AsyncGenerator<{ readonly result: R; readonly byteCount: number }, void, undefined> {
  const source =
    Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  const underWay: UnderWay<R>[] = [];
  let reading: Promise<IteratorResult<B>> | undefined;
  let isRead = false;
  let failure: { readonly error: unknown } | undefined;

  const mayRead = () => {
    const byteCount = underWay.reduce((sum, each) => sum + each.byteCount, 0);
    return !isRead && underWay.length < (byteCount < MAX_BYTES_UNDER_WAY ? 2 * threads : threads);
  };

  try {
    for (;;) {
      if (mayRead()) reading ??= Promise.resolve(source.next());
      const [first] = underWay;
      if (
        reading !== undefined &&
        (first === undefined || (await isFirst(reading, first.result)))
      ) {
        try {
          const { done, value } = await reading;
          if (done) {
            isRead = true;
          } else {
            // Before `run`, which may give the bytes to another thread.
            const byteCount = value.bytes.length;
            const result = run(value);
            // Whoever waits for it is told when its turn comes.
            result.catch(() => {});
            underWay.push({ result, byteCount });
          }
        } catch (error) {
          isRead = true;
          failure = { error };
        }
        reading = undefined;
      } else if (first !== undefined) {
        const result = await first.result;
        underWay.shift();
        yield { result, byteCount: first.byteCount };
      } else {
        break;
      }
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    const ended = Promise.resolve(source.return?.()).catch(() => {});
    // Reading that is under way may go on for ever, or fail when nobody wants to know.
    if (reading === undefined) await ended;
    else reading.catch(() => {});
  }
}

/** Whether `a` is settled before `b`. */
function isFirst(a: Promise<unknown>, b: Promise<unknown>): Promise<boolean> {
  return Promise.race([
    a.then(
      () => true,
      () => true,
    ),
    b.then(
      () => false,
      () => false,
    ),
  ]);
}
