/** Multipart bodies: foreign bytes, and forms that the platform writes. */
import assert from 'node:assert/strict';
import { multipartIn, partsOf } from '../../../src/request/body-parts.js';
import { normalizeContentType } from '../../../src/request/counted-headers.js';
import { boundaryOf, dispositionOf, partsOfMultipart } from '../../../src/request/multipart.js';
import { readRequest } from '../../../src/request/outgoing-request.js';
import { withChoices } from '../chunks.js';

export const seeds = [
  '\x00--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name="f"; filename="x\\".png"; filename*=UTF-8\'\'%e2%82%ac\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n',
  '\x01preamble\r\n--b \t\r\nContent-Type: multipart/mixed; boundary="c d"\r\n\r\n--c d\r\nX: 1\r\nX: 2\r\n\r\n\r\n--c d--\r\n\r\n--b--',
  '\x02name\x00value\x00f\r\n"le\x00text',
];

/** The first byte chooses: a form, another multipart body, or a form that is written and read again. */
export async function fuzz(input: Uint8Array): Promise<void> {
  const [choice, rest] = withChoices(input, 1) as [number, Uint8Array];
  if (choice % 3 === 2) return expectReadAgain(Buffer.from(rest).toString().split('\0'));
  const described = multipartIn(rest, 'b', choice % 3 === 0);
  const parts = partsOfMultipart(rest, 'b');
  if (parts === undefined) assert.equal(described, undefined);
  else expectParts(rest, parts);
  // Only a form has to have names; any other body is described as soon as it has parts.
  if (choice % 3 === 1) assert.equal(described?.length, parts?.length);
}

function expectParts(body: Uint8Array, parts: NonNullable<ReturnType<typeof partsOfMultipart>>) {
  const text = Buffer.from(body).toString('latin1');
  let at = 0;
  for (const { headers, content } of parts) {
    const found = text.indexOf(Buffer.from(content).toString('latin1'), at);
    assert.ok(
      found >= at,
      'the content of a part stands in the body, behind that of the part before',
    );
    at = found + content.length;
    // It never holds a whole boundary.
    assert.doesNotMatch(Buffer.from(content).toString('latin1'), /\r\n--b(?:\r\n|--)/);
    const disposition = dispositionOf(headers.get('content-disposition'));
    if (disposition !== undefined) assert.equal(typeof disposition.name, 'string');
    const type = headers.get('content-type') ?? '';
    const normal = normalizeContentType(type);
    assert.equal(normalizeContentType(normal), normal);
    assert.notEqual(boundaryOf(type), '');
  }
}

/** Texts are fields; each third one is a file. */
async function expectReadAgain(texts: readonly string[]): Promise<void> {
  const form = new FormData();
  for (let i = 0; i + 1 < texts.length; i += 2) {
    const [name, value] = [texts[i] as string, texts[i + 1] as string];
    if (i % 3 === 2) form.append(name, new Blob([value], { type: 'text/csv' }), `${name}.csv`);
    else form.append(name, value);
  }
  // With the line ends that the platform sends.
  const sent = await readRequest('https://api.example/', { method: 'POST', body: form });
  const response = new Response(form);
  const boundary = boundaryOf(response.headers.get('content-type') ?? '');
  assert.ok(boundary);
  const body = new Uint8Array(await response.arrayBuffer());
  assert.deepEqual(multipartIn(body, boundary, true), await partsOf(sent.form as FormData));
}
