// Next.js and Vercel compile this kind of import, and forbid compilation at run time.
import * as core from './core.wasm?module';
import { exportsOfImported } from './imported.js';
import * as json from './json.wasm?module';

/** Each returns the exports of a new instance. */
export const instantiateCore = () => exportsOfImported(core);
export const instantiateJson = () => exportsOfImported(json);
