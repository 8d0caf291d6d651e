// Next.js and Vercel compile what is imported like this, and nothing at run time.
import * as core from './core.wasm?module';
import { exportsOfImported } from './imported.js';
import * as json from './json.wasm?module';

/** The exports of a new instance of each. */
export const instantiateCore = () => exportsOfImported(core);
export const instantiateJson = () => exportsOfImported(json);
