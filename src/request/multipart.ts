/** The parts of a multipart body (RFC 2046 §5.1, RFC 7578), in memory. */
import { decoder } from '../engine/utf8.js';

/** A part of a multipart body. */
export interface Part {
  /** Its header fields by their names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly content: Uint8Array;
}

/** The name of a form's field, and the name of its file. */
export interface Disposition {
  readonly name: string;
  readonly filename: string | undefined;
}

const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;

/** Returns the boundary in a `content-type` (RFC 2046 §5.1.1), or `undefined` if it has none. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^\s*multipart\//i.test(contentType)) return undefined;
  const [, quoted, bare] = /;\s*boundary=(?:"([^"]+)"|([^\s";]+))/i.exec(contentType) ?? [];
  return quoted ?? bare;
}

/**
 * Returns the parts of a multipart body. The text before the first boundary and after the last one is
 * no content (RFC 2046 §5.1.1). Returns `undefined` if the body does not have this form.
 */
export function partsOfMultipart(body: Uint8Array, boundary: string): Part[] | undefined {
  const delimiter = Uint8Array.from(`\r\n--${boundary}`, (char) => char.charCodeAt(0));
  const parts: Part[] = [];
  // The first boundary may be at the very beginning, without a line end before it.
  let at = startsWith(body, delimiter.subarray(2), 0)
    ? delimiter.length - 2
    : behind(body, delimiter, 0);
  while (at >= 0) {
    if (body[at] === DASH && body[at + 1] === DASH) return parts;
    // White space may follow a boundary.
    while (body[at] === 0x20 || body[at] === 0x09) at++;
    if (body[at] !== CR || body[at + 1] !== LF) return undefined;
    const headers = new Map<string, string>();
    for (at += 2; body[at] !== CR || body[at + 1] !== LF; ) {
      const lineEnd = lineEndFrom(body, at);
      const field = decoder.decode(body.subarray(at, Math.max(at, lineEnd)));
      const colonAt = field.indexOf(':');
      if (lineEnd < 0 || colonAt < 1) return undefined;
      const name = field.slice(0, colonAt).toLowerCase();
      const value = field.slice(colonAt + 1).trim();
      const earlier = headers.get(name);
      headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
      at = lineEnd + 2;
    }
    // The line end after the headers may belong to the next boundary, if the part is empty.
    const next = behind(body, delimiter, at);
    if (next < 0) return undefined;
    const end = next - delimiter.length;
    parts.push({ headers, content: body.subarray(Math.min(at + 2, end), end) });
    at = next;
  }
  return undefined;
}

/** As browsers write names (HTML §4.10.21.8): a quotation mark ends them. */
const AS_FORMS = /^form-data(?:\s*;\s*[\w*-]+=(?:"[^"]*"|[^\s";]*))*(?:\s*;)?$/i;
/** As older versions of curl write them (RFC 822): a backslash precedes a quotation mark in a name. */
const WITH_BACKSLASHES = /^form-data(?:\s*;\s*[\w*-]+=(?:"(?:\\.|[^"\\])*"|[^\s";]*))*(?:\s*;)?$/i;

/** Reads the `content-disposition` of a form's part; returns `undefined` for any other part. */
export function dispositionOf(header: string | undefined): Disposition | undefined {
  const text = header ?? '';
  const [isForm, isEscaped] = [AS_FORMS.test(text), WITH_BACKSLASHES.test(text)];
  if (!isForm && !isEscaped) return undefined;
  const parameters = new Map<string, string>();
  const each = isForm
    ? /;\s*([\w*-]+)=(?:"([^"]*)"|([^\s";]*))/g
    : /;\s*([\w*-]+)=(?:"((?:\\.|[^"\\])*)"|([^\s";]*))/g;
  for (const [, name = '', quoted, bare = ''] of text.matchAll(each)) {
    const value = quoted ?? bare;
    parameters.set(name.toLowerCase(), isForm ? value : value.replace(/\\(["\\])/g, '$1'));
  }
  const name = parameters.get('name');
  if (name === undefined) return undefined;
  const extended = extendedText(parameters.get('filename*'));
  return { name, filename: extended ?? parameters.get('filename') };
}

/** Decodes `UTF-8''%e2%82%ac` (RFC 8187), in which some clients send names that are not ASCII. */
function extendedText(value: string | undefined): string | undefined {
  const [, encoded] = /^utf-8'[^']*'(.*)$/i.exec(value ?? '') ?? [];
  try {
    return encoded && decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}

const startsWith = (body: Uint8Array, bytes: Uint8Array, at: number) =>
  at + bytes.length <= body.length && bytes.every((byte, i) => body[at + i] === byte);

/** Returns the index after the next delimiter, or -1. Text that only begins like one is content. */
function behind(body: Uint8Array, delimiter: Uint8Array, from: number): number {
  for (let at = body.indexOf(CR, from); at >= 0; at = body.indexOf(CR, at + 1)) {
    const end = at + delimiter.length;
    if (startsWith(body, delimiter, at) && isDelimiterEnd(body[end])) return end;
  }
  return -1;
}

const isDelimiterEnd = (byte: number | undefined) =>
  byte === CR || byte === DASH || byte === 0x20 || byte === 0x09;

function lineEndFrom(body: Uint8Array, from: number): number {
  for (let at = body.indexOf(CR, from); at >= 0; at = body.indexOf(CR, at + 1)) {
    if (body[at + 1] === LF) return at;
  }
  return -1;
}
