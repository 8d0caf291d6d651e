import assert from 'node:assert/strict';
import { useEngine } from '../../src/index.js';

/** Returns the result of `read`, which must be the same on both engines. */
export function onBoth<T>(read: () => T): T {
  useEngine('js');
  const plain = read();
  useEngine('wasm');
  assert.deepEqual(read(), plain);
  return plain;
}
