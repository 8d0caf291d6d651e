/** The same with the text of the library inline in the page, which parses it in its own thread. */
import { SMALL_CHAT } from './inputs.mjs';

export async function timeParsedKey() {
  const script = document.createElement('script');
  script.textContent = await (await fetch('key-of.js')).text();
  const from = performance.now();
  document.head.append(script);
  const key = /** @type {any} */ (globalThis).library.keyOf(SMALL_CHAT);
  return { key, ms: performance.now() - from };
}
