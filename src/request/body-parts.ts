/** The parts of a form or another multipart body, as the key of a request contains them. */
import { sha256Hex } from '../index.js';
import { mediaType, normalizeContentType } from './counted-headers.js';
import { boundaryOf, dispositionOf, type Part, partsOfMultipart } from './multipart.js';

/** Returns the parts of a form, which do not depend on its boundary. */
export async function partsOf(form: FormData): Promise<unknown[]> {
  return Promise.all(
    [...form].map(async ([fieldName, value]) => {
      const name = escapeName(fieldName);
      if (typeof value === 'string') return { name, value };
      const content = sha256Hex(new Uint8Array(await value.arrayBuffer()));
      // A file without a name is sent as `blob`. In Bun, a `Blob` has no name.
      const { name: filename = 'blob', type } = value;
      return {
        name,
        filename: escapeName(filename),
        type: type || 'application/octet-stream',
        content,
      };
    }),
  );
}

/** How deep multipart bodies may contain one another. A deeper one is compared by its bytes. */
const MAX_NESTED_PARTS = 4;

/**
 * Returns the parts of an encoded body, which do not depend on its boundary: those of a form as
 * `partsOf` returns them, and the headers and contents of any other body's parts.
 */
export function multipartIn(
  body: Uint8Array,
  boundary: string,
  isForm: boolean,
  depth = 1,
): unknown[] | undefined {
  const parts = partsOfMultipart(body, boundary);
  const described = parts?.map((part) =>
    isForm ? fieldOf(part, depth) : describePart(part, depth),
  );
  return described?.includes(undefined) ? undefined : described;
}

function describePart({ headers, content }: Part, depth: number): unknown {
  const type = headers.get('content-type');
  return {
    headers: {
      ...Object.fromEntries(headers),
      ...(type !== undefined && { 'content-type': normalizeContentType(type) }),
    },
    content: contentOfPart(type, content, depth),
  };
}

/** Returns the bytes of a part by their digest, and those of a multipart body in it by its parts. */
function contentOfPart(type: string | undefined, content: Uint8Array, depth: number): unknown {
  const boundary = depth < MAX_NESTED_PARTS ? boundaryOf(type ?? '') : undefined;
  const parts = boundary && multipartIn(content, boundary, false, depth + 1);
  return parts || sha256Hex(content);
}

/** Returns a part of a form, or `undefined` if it is not one. */
function fieldOf({ headers, content }: Part, depth: number): unknown {
  const disposition = dispositionOf(headers.get('content-disposition'));
  if (disposition === undefined) return undefined;
  const name = escapeName(disposition.name);
  const type = headers.get('content-type');
  if (disposition.filename === undefined) {
    // A form has no types for its texts, but other clients may send some.
    const typed = mediaType(type ?? '');
    const value = textOf(content);
    return {
      name,
      ...(value === undefined ? { content: sha256Hex(content) } : { value }),
      ...(typed !== '' && typed !== 'text/plain' && { type: typed }),
    };
  }
  return {
    name,
    filename: escapeName(disposition.filename),
    // RFC 7578 §4.4
    type: boundaryOf(type ?? '') ? mediaType(type ?? '') : (type ?? 'text/plain').toLowerCase(),
    content: contentOfPart(type, content, depth),
  };
}

/** Returns `undefined` for bytes that are not UTF-8: decoded, two of them could be one text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Escapes a name as forms do (HTML §4.10.21.8). Not every parser of forms reverses that. */
const escapeName = (name: string) => name.replace(/[\r\n"]/g, (char) => encodeURIComponent(char));
