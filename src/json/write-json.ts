import { canonicalizerWasm } from '../engine/select.js';
import {
  canonicalizeDocument,
  DOCUMENT_BIG_NUMBERS,
  DOCUMENT_DIGITS,
  DOCUMENT_INCLUDES,
  DOCUMENT_SELECTS,
} from '../engine/wasm/document.js';
import { residentJson } from '../engine/wasm/json-instance.js';
import type { ParseLimits } from './parse.js';
import { ReferenceSink, TOO_MANY_REFERENCES } from './reference-sink.js';
import type { Selection } from './selection.js';
import { selectionTable } from './selection-table.js';
import type { CanonicalSink } from './write.js';

export interface WriteJsonOptions extends ParseLimits {
  readonly selection: Selection | undefined;
  /** The `include` paths. If no value matches one of them, nothing is written. */
  readonly include: readonly string[] | undefined;
}

/**
 * Writes `prefix` and then a JSON text as canonical JSON into `sink`, in WebAssembly, without
 * creating JavaScript values. Returns `undefined`, with nothing written, if there is no WebAssembly
 * or the module refuses the text. The caller then uses `parseJson`, which reports the error.
 */
export function writeJson<T>(
  content: string | Uint8Array,
  { maxDepth, bigNumbers, selection, include }: WriteJsonOptions,
  sink: CanonicalSink<T>,
  prefix?: Uint8Array,
): T | undefined {
  const wasm = canonicalizerWasm(content.length) && residentJson();
  if (wasm === undefined) return undefined;
  let flags = { error: 0, double: DOCUMENT_BIG_NUMBERS, digits: DOCUMENT_DIGITS }[bigNumbers];
  let table: Uint8Array | undefined;
  if (selection !== undefined) {
    table = selectionTable(selection, wasm.at.selection, wasm.at.selectionBytes);
    if (table === undefined) return undefined;
    flags |= DOCUMENT_SELECTS;
    if (include !== undefined && include.length > 0) flags |= DOCUMENT_INCLUDES;
  }
  const pieces = selection === undefined ? sink : new ReferenceSink(sink);
  try {
    return canonicalizeDocument(wasm, content, { maxDepth, flags, table, prefix }, pieces);
  } catch (error) {
    if (error === TOO_MANY_REFERENCES) return undefined;
    throw error;
  }
}
