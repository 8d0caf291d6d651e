import { chunksOf, isStream, type Shape } from './shapes.js';

/**
 * Whether the body itself shows where it ends. Text, audio and pages do not, and neither does a body
 * whose type allows them.
 */
export const showsItsEnd = (shape: Shape): boolean =>
  isStream(shape) || /json|event-?stream/.test(shape.contentType ?? '');

/** How many chunks make the answer whole; more than there are if the shape is never a whole answer. */
export function wholeAfter(shape: Shape): number {
  const count = chunksOf(shape).length;
  return shape.wholeAfter ?? (shape.verdict === 'complete' ? count : count + 1);
}

/**
 * The bytes between which a cut may be noticed or not: those after the last value of a whole answer,
 * such as its empty line.
 */
export function wholeBetween(shape: Shape): readonly [from: number, to: number] {
  const chunks = chunksOf(shape);
  const count = wholeAfter(shape);
  if (count > chunks.length) return [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const bytes = Buffer.concat(chunks.slice(0, count));
  // A frame ends with its checksum, whatever byte that is.
  const isText = !shape.contentType?.includes('amazon');
  const text = bytes.toString('latin1');
  return [isText ? text.trimEnd().length : bytes.length, bytes.length];
}
