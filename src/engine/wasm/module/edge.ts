// Next.js and Vercel compile what is imported like this, and nothing at run time.
import * as core from './core.wasm?module';
import { exportsOfImported } from './imported.js';

/** The exports of a new instance. */
export const instantiateCore = () => exportsOfImported(core);
