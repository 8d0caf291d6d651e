import { byId } from '../page/element.js';

/** Below this width, narrow.css shows one column. */
const NARROW = '(max-width: 62rem)';

/**
 * In one column, puts the key above the request. The elements move, and not only their pictures, so that the
 * keyboard and a screen reader follow the order that is seen.
 */
export function wireNarrowLayout(): void {
  const query = matchMedia(NARROW);
  const place = () => byId(query.matches ? 'panel-keys' : 'results').prepend(byId('answer'));
  query.addEventListener('change', place);
  place();
}
