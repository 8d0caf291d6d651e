import { encoder } from '../../engine/utf8.js';
import { nameOf } from '../../errors/errors.js';
import type { HeaderLine } from '../../response/response-data.js';
import type { NodeResponse } from './http.js';

/** Only Node knows encodings such as `latin1` and `base64`. */
declare const Buffer: { from(chunk: string | Uint8Array, encoding?: string): Uint8Array };

/** Whether the headers say where the body ends. One with trailers is sent in chunks. */
export const hasBodyLength = (lines: readonly HeaderLine[]) =>
  lines.some(
    ([name]) => name === 'content-length' || name === 'transfer-encoding' || name === 'trailer',
  );

/** Returns the headers that were set on a response, several lines of one name as one. */
export function linesSet(set: ReturnType<NodeResponse['getHeaders']>): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (const name of Object.keys(set)) {
    const value = set[name];
    if (value !== undefined) add(lines, name, value);
  }
  return lines;
}

/** Returns the lines with those that `writeHead` takes: an object, or names and values in turn. */
export function linesWith(lines: HeaderLine[], given: unknown): HeaderLine[] {
  if (typeof given !== 'object' || given === null) return lines;
  const added: HeaderLine[] = [];
  const take = (name: string, value: unknown) => {
    if (value !== undefined) add(added, checkedName(name).toLowerCase(), checked(name, value));
  };
  // A list may have a name several times.
  if (Array.isArray(given)) for (const [name, value] of pairsOf(given)) take(name, value);
  else for (const name of Object.keys(given)) take(name, given[name as keyof typeof given]);
  if (lines.length === 0) return added;
  const isSetAgain = ([name]: HeaderLine) => added.some(([other]) => other === name);
  return [...lines.filter((line) => !isSetAgain(line)), ...added];
}

function add(lines: HeaderLine[], name: string, value: unknown): void {
  if (name === 'set-cookie' && Array.isArray(value)) {
    for (const each of value) lines.push([name, String(each)]);
    return;
  }
  const text = joined(value);
  const at = name === 'set-cookie' ? -1 : lines.findIndex(([other]) => other === name);
  if (at < 0) lines.push([name, text]);
  else lines[at] = [name, `${lines[at]?.[1]}, ${text}`];
}

/** The value of a header in one line. */
export const joined = (value: unknown) => (Array.isArray(value) ? value.join(', ') : String(value));

function pairsOf(list: readonly unknown[]): readonly (readonly [string, unknown])[] {
  if (Array.isArray(list[0])) return list as [string, unknown][];
  return list.flatMap((name, at) => (at % 2 === 0 ? [[String(name), list[at + 1]] as const] : []));
}

/** As Node checks what `writeHead` is given, when it is given: it would be too late when it is sent. */
function checkedName(name: string): string {
  if (/^[\^_`a-zA-Z\-0-9!#$%&'*+.|~]+$/.test(name)) return name;
  throw invalid('ERR_INVALID_HTTP_TOKEN', `Cannot send the header ${JSON.stringify(name)}`);
}

function checked(name: string, value: unknown): unknown {
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(joined(value))) return value;
  throw invalid('ERR_INVALID_CHAR', `Cannot send the header ${name}: its value is no header value`);
}

const invalid = (code: string, message: string) => Object.assign(new TypeError(message), { code });

/** Returns a copy, because the writer may reuse its memory. */
export function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return new Uint8Array(chunk);
  // As Node does. `new Uint8Array(5)` would be five zeros.
  if (typeof chunk !== 'string') {
    throw Object.assign(
      new TypeError(`Cannot write ${nameOf(chunk)} as a response: wanted text or a Uint8Array`),
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  if (typeof encoding !== 'string' || /^utf-?8$/i.test(encoding)) return encoder.encode(chunk);
  return Buffer.from(chunk, encoding);
}
