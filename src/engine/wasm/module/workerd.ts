// workerd compiles what is imported by name when it is deployed, and nothing inside a request.
import * as core from './core.wasm';
import { exportsOfImported } from './imported.js';

/** The exports of a new instance. */
export const instantiateCore = () => exportsOfImported(core);
