import { encoder } from '../engine/utf8.js';
import { type HeaderLine, linesOf, type ResponseData } from '../response/response-data.js';

/** What the class keeps: status, body and headers. */
type Kept = readonly [status: unknown, body: unknown, headers: unknown];

/**
 * The private member in which the `Response` of @hono/node-server 1.3 to 2.1 keeps its parts until a
 * program asks for the platform's response. Reading `body` asks for it, which takes 21 µs on Node.js 20.
 * Without this member the body is read as every other one.
 */
const MEMBER = 'cache';

let member: symbol | undefined;

/** Returns the data of a response that its server would send without a stream. */
export function immediateData(response: Response): ResponseData | undefined {
  const kept = partsIn(response);
  if (kept === undefined) return undefined;
  const [status, body, headers] = kept;
  const bytes = bytesIn(body);
  if (typeof status !== 'number' || bytes === undefined) return undefined;
  const lines = plainLines(headers) ?? linesOf(response.headers);
  // The server sends no other reason phrase than that of the status.
  return { status, statusText: '', url: '', headers: lines, body: bytes };
}

function partsIn(response: Response): Kept | undefined {
  if (member === undefined || !(member in response)) {
    member = Object.getOwnPropertySymbols(response).find((each) => each.description === MEMBER);
    if (member === undefined) return undefined;
  }
  const kept = (response as unknown as Record<symbol, unknown>)[member];
  return Array.isArray(kept) && kept.length === 3 ? (kept as unknown as Kept) : undefined;
}

function bytesIn(body: unknown): Uint8Array | null | undefined {
  if (body === null) return null;
  if (typeof body === 'string') return encoder.encode(body);
  // A copy: the handler may use its memory again.
  return body instanceof Uint8Array ? new Uint8Array(body) : undefined;
}

/** Most handlers have set nothing but a type. `Headers` would check and sort it. */
function plainLines(headers: unknown): HeaderLine[] | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  if (Object.getPrototypeOf(headers) !== Object.prototype) return undefined;
  const entries = Object.entries(headers);
  const [name, value] = entries[0] ?? [];
  const isType = entries.length === 1 && name?.toLowerCase() === 'content-type';
  return isType && typeof value === 'string' ? [['content-type', value]] : undefined;
}
