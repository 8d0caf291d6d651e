import { element } from '../../page/element.js';
import { printable } from '../../text/printable.js';

/** How much of a key a table has. The record shows all of it. */
const HEAD_CHARS = 120;
const TAIL_CHARS = 6;

/**
 * A key that fits its column: the stylesheet cuts the first part, and the end stays visible. Both are
 * printable, and cannot change the reading direction.
 */
export function keyParts(key: string): readonly [HTMLElement, HTMLElement] {
  const [head, tail] = splitKey(key);
  return [
    element('span', { class: 'key-head' }, head),
    element('span', { class: 'key-tail' }, tail),
  ];
}

function splitKey(key: string): readonly [string, string] {
  if (key === '') return ['(empty)', ''];
  const head = key.slice(0, Math.max(0, key.length - TAIL_CHARS));
  const cut =
    head.length > HEAD_CHARS ? `${printable(head.slice(0, HEAD_CHARS))}…` : printable(head);
  return [cut, printable(key.slice(-TAIL_CHARS))];
}
