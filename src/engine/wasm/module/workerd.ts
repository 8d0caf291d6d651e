// workerd compiles named imports at deployment, and forbids compilation inside a request.
import * as core from './core.wasm';
import { exportsOfImported } from './imported.js';
import * as json from './json.wasm';

/** Each returns the exports of a new instance. */
export const instantiateCore = () => exportsOfImported(core);
export const instantiateJson = () => exportsOfImported(json);
