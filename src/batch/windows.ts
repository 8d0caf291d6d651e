/** Items that are claimed or recorded at the same time. */
export const WINDOW_ITEMS = 512;

/** Items in windows, so that a long list is no more work in memory than a short one. */
export async function* windowsOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
): AsyncGenerator<T[], void, undefined> {
  let window: T[] = [];
  for await (const item of items) {
    window.push(item);
    if (window.length < WINDOW_ITEMS) continue;
    yield window;
    window = [];
  }
  if (window.length > 0) yield window;
}
