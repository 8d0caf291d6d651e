/** How many items are claimed or recorded concurrently. */
const WINDOW_ITEMS = 512;

/** Yields items in windows, so that a long list takes no more memory than a short one. */
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
