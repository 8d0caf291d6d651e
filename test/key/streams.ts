/** A Web stream of `pieces`, ended by `end`. It records how it is cancelled. */
export function web(pieces: unknown[], end: (controller: ReadableStreamDefaultController) => void) {
  const cancelled: unknown[] = [];
  let next = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if (next < pieces.length) controller.enqueue(pieces[next++]);
      else end(controller);
    },
    cancel(reason) {
      cancelled.push(reason);
    },
  });
  return { stream, cancelled };
}

/** The same as a generator. */
export function generator(pieces: unknown[], end: () => Promise<void>) {
  const returned: string[] = [];
  async function* generate() {
    try {
      yield* pieces;
      await end();
    } finally {
      returned.push('returned');
    }
  }
  return { stream: generate(), returned };
}

export const never = () => new Promise<void>(() => {});
export const wait = () => {};
export const failure = new Error('the connection was reset');

/** The error that a promise rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise]);
  return outcome?.status === 'rejected' ? outcome.reason : new Error('nothing was rejected');
}

/** Runs all pending microtasks. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}
