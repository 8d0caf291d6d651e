// workerd compiles what is imported by name when it is deployed, and nothing inside a request.
import * as core from './core.wasm';
import { exportsOfImported } from './imported.js';
import * as json from './json.wasm';

/** The exports of a new instance of each. */
export const instantiateCore = () => exportsOfImported(core);
export const instantiateJson = () => exportsOfImported(json);
