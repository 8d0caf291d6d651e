import { describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { Scene } from './scene.js';

/** dynalite does not return it, so that the store reads the item. DynamoDB does. */
describe('the DynamoDB store on a server that returns the item of a failed condition', () => {
  const scene = new Scene();
  const options = { open: () => scene.open(), maxPayloadBytes: 390 * 1024 };
  for (const { name, run } of storeConformance(options)) it(name, run);
});
