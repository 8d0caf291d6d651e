/** How many items are claimed or recorded concurrently. */
const WINDOW_ITEMS = 512;

/**
 * Yields items in windows, so that a long list takes no more memory than a short one. If `items` throws,
 * the items before it are yielded first with `endsWithRest`, and dropped otherwise.
 */
export async function* windowsOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
  { endsWithRest = false } = {},
): AsyncGenerator<T[], void, undefined> {
  let window: T[] = [];
  try {
    for await (const item of items) {
      window.push(item);
      if (window.length < WINDOW_ITEMS) continue;
      yield window;
      window = [];
    }
  } catch (error) {
    if (endsWithRest && window.length > 0) yield window;
    throw error;
  }
  if (window.length > 0) yield window;
}
