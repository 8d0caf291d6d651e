/** Reading pauses at this many bytes of input in progress, once each thread has a batch. */
const MAX_BYTES_IN_PROGRESS = 1 << 26;

/** An input of `inOrder`. */
interface Sized {
  readonly bytes: { readonly length: number };
}

interface InProgress<R> {
  readonly result: Promise<R>;
  readonly byteCount: number;
}

/**
 * Yields the results of `run` in the order of the batches. Two batches per thread are in progress:
 * one that the thread works on, and one that is ready. Reading continues when the caller takes the
 * first result. If reading fails, the results of earlier batches are still yielded.
 */
export async function* inOrder<B extends Sized, R>(
  batches: AsyncIterable<B> | Iterable<B>,
  run: (batch: B) => Promise<R>,
  threads: number,
): AsyncGenerator<{ readonly result: R; readonly byteCount: number }, void, undefined> {
  const source =
    Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  const inProgress: InProgress<R>[] = [];
  let reading: Promise<IteratorResult<B>> | undefined;
  let isRead = false;
  let failure: { readonly error: unknown } | undefined;

  const mayRead = () => {
    const byteCount = inProgress.reduce((sum, each) => sum + each.byteCount, 0);
    return (
      !isRead && inProgress.length < (byteCount < MAX_BYTES_IN_PROGRESS ? 2 * threads : threads)
    );
  };

  try {
    for (;;) {
      if (mayRead()) reading ??= Promise.resolve(source.next());
      const [first] = inProgress;
      if (
        reading !== undefined &&
        (first === undefined || (await isFirst(reading, first.result)))
      ) {
        try {
          const { done, value } = await reading;
          if (done) {
            isRead = true;
          } else {
            // Read before `run`, which may transfer the bytes to another thread.
            const byteCount = value.bytes.length;
            const result = run(value);
            // The result is awaited later. Until then a rejection must not count as unhandled.
            result.catch(() => {});
            inProgress.push({ result, byteCount });
          }
        } catch (error) {
          isRead = true;
          failure = { error };
        }
        reading = undefined;
      } else if (first !== undefined) {
        const result = await first.result;
        inProgress.shift();
        yield { result, byteCount: first.byteCount };
      } else {
        break;
      }
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    const ended = Promise.resolve(source.return?.()).catch(() => {});
    // The pending read may never settle, or fail after the caller has stopped.
    if (reading === undefined) await ended;
    else reading.catch(() => {});
  }
}

/** Whether `a` settles before `b`. */
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
