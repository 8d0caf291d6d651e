/**
 * Import plus first key in a page that has done nothing else: the library's text is here already,
 * so that no network is timed; parsing, evaluating, compiling and the key are. An import of nothing
 * is timed beside it, because going through a blob costs the browser a few milliseconds itself.
 */
import { SMALL_CHAT } from './inputs.mjs';

/** @param {string} source of a module that exports `keyOf` */
async function firstKeyOf(source) {
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const from = performance.now();
  const { keyOf } = await import(address);
  const imported = performance.now();
  const key = keyOf(SMALL_CHAT);
  const end = performance.now();
  return { key, ms: end - from, keyMs: end - imported };
}

const NOTHING = 'export const keyOf = () => "";';

export async function timeFirstKey() {
  const source = await (await fetch('key-of.js')).text();
  await firstKeyOf(NOTHING);
  const nothing = await firstKeyOf(`${NOTHING}// again`);
  const first = await firstKeyOf(source);
  return { key: first.key, ms: first.ms, keyMs: first.keyMs, nothingMs: nothing.ms };
}
