import { hasNoBody } from './status.js';

/** The parts of a response beside its body. */
interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers | Record<string, string>;
  readonly url: string;
}

/**
 * Returns a `Response` of the platform, also with a URL or a status that its constructor does not take:
 * `fetch` of Node.js returns a response with the status 999 of a gateway.
 */
export function createResponse(body: BodyInit | null, head: Head): Response {
  const { status, statusText, headers, url } = head;
  const isUsual = status >= 200 && status <= 599;
  const content = hasNoBody(status) ? null : body;
  const response = new Response(content, { status: isUsual ? status : 200, statusText, headers });
  if (!isUsual) setStatus(response, status);
  if (url !== '') Object.defineProperty(response, 'url', { value: url });
  return response;
}

function setStatus(response: Response, status: number): Response {
  const clone = () => setStatus(Response.prototype.clone.call(response), status);
  return Object.defineProperties(response, {
    status: { value: status },
    ok: { value: false },
    clone: { value: clone },
  });
}
