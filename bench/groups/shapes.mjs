/** Request objects whose shapes differ from call to call, or inside one request. */
import { payloadLabel, payloadText, shapePayloadIds } from '../payloads.mjs';
import { group as keyOf } from './keyof.mjs';

/** So many that each has been forgotten when it comes again, but not of the largest. */
const variantsOf = (/** @type {string} */ cellId) =>
  cellId === 'changing-shapes' ? 2048 : cellId === 'random-order' ? 256 : 4;

/** @type {import('./index.mjs').TimedGroup} */
export const group = {
  ...keyOf,
  title: 'keyOf: request objects of changing shapes',
  note:
    '2048 requests with names of their own; members in another order in each of 256 requests and in ' +
    'each row; a thousand tools with different parameters in one request.',
  cells: shapePayloadIds.map((id) => ({
    id,
    label: payloadLabel(id),
    bytes: Buffer.byteLength(payloadText(id, 0)),
  })),
  inputs: (cellId) =>
    Array.from({ length: variantsOf(cellId) }, (_, variant) =>
      JSON.parse(payloadText(cellId, variant)),
    ),
  meanOf: shapePayloadIds,
};
