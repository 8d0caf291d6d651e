import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { idempotentFetch } from '../../../src/fetch/fetch.js';
import type { Verdict } from '../../../src/providers/provider.js';
import { memoryStore } from '../../../src/store/memory.js';
import { chunksOf, requestBodyOf, type Shape } from './shapes.js';

/** What a client sees of a response. */
export interface Seen {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: Buffer;
  /** The code of the error after the last byte. */
  readonly error?: string;
}

export const requestOf = (shape: Shape): RequestInit => ({
  method: 'POST',
  headers: {
    'content-type': 'application/json',
    authorization: 'Bearer account-1',
    accept: shape.provider === 'mcp' ? 'application/json, text/event-stream' : '*/*',
  },
  body: requestBodyOf(shape),
});

const codeOf = (error: unknown) => {
  const { code, name, cause } = error as Error & { code?: string };
  return code ?? (cause as { code?: string } | undefined)?.code ?? name;
};

/** Sends the request of a shape and reads the response to its end. */
export async function readWith(
  fetch: typeof globalThis.fetch,
  shape: Shape,
  origin: string,
): Promise<Seen> {
  const response = await fetch(origin + shape.path, requestOf(shape));
  const chunks: Uint8Array[] = [];
  const seen = { status: response.status, headers: Object.fromEntries(response.headers) };
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk);
  } catch (error) {
    return { ...seen, bytes: Buffer.concat(chunks), error: codeOf(error) };
  }
  return { ...seen, bytes: Buffer.concat(chunks) };
}

/** Asks twice, through an `idempotentFetch` with a store of its own. */
export async function askTwice(
  shape: Shape,
  origin: string,
  fetch?: typeof globalThis.fetch,
): Promise<{ verdict: Verdict | undefined; first: Seen; second: Seen }> {
  const verdicts: Verdict[] = [];
  const errors: string[] = [];
  const guarded = idempotentFetch({
    store: memoryStore(),
    // The verdict alone decides here, also about requests that are state at their provider.
    providerState: 'store',
    ...(fetch === undefined ? {} : { fetch }),
    onEvent: (event) => {
      if (event.type === 'failed') errors.push(String(event.error));
    },
    storeResponses: ({ status, verdict }) => {
      verdicts.push(verdict);
      return status >= 200 && status < 300 && verdict === 'complete';
    },
  });
  try {
    const first = await readWith(guarded, shape, origin);
    // A failure inside a success is not offered to `storeResponses`: an event says what it is.
    const failed = errors.some((error) => error.includes(': it says '));
    const verdict =
      first.error === 'SAMEKEY_BROKEN_RESPONSE'
        ? 'broken'
        : (verdicts.at(-1) ?? (failed ? 'failed' : undefined));
    const second = await readWith(guarded, shape, origin);
    return { verdict, first, second };
  } finally {
    await guarded.close();
  }
}

/** Serves one shape at a time. */
export interface ShapeServer {
  readonly origin: string;
  /** How often it was asked since the last `serve`. */
  readonly askCount: number;
  /** Serves a shape; with `isChunked` always without a length. */
  serve(shape: Shape, isChunked?: boolean): void;
  stop(): Promise<void>;
}

export async function startShapeServer(): Promise<ShapeServer> {
  let current: { readonly shape: Shape; readonly isChunked: boolean } | undefined;
  let askCount = 0;
  const server: Server = createServer((request, response) => {
    askCount++;
    request.resume().on('end', async () => {
      const { shape, isChunked } = current as NonNullable<typeof current>;
      const chunks = chunksOf(shape);
      const hasLength = !isChunked && !Array.isArray(shape.body);
      const hasBody = shape.status !== 204;
      response.writeHead(shape.status, {
        'x-request-id': `r${askCount}`,
        ...(shape.contentType === null ? {} : { 'content-type': shape.contentType }),
        ...(hasLength && hasBody ? { 'content-length': chunks[0]?.length ?? 0 } : {}),
      });
      response.flushHeaders();
      for (const chunk of chunks) {
        if (hasBody) response.write(chunk);
        // Each chunk in a turn of its own.
        await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get askCount() {
      return askCount;
    },
    serve(shape, isChunked = false) {
      current = { shape, isChunked };
      askCount = 0;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A `fetch` that answers with these chunks, in this process. */
export const answerWith =
  ({ status, contentType }: Shape, chunks: readonly Uint8Array[]): typeof globalThis.fetch =>
  async () =>
    new Response(
      status === 204
        ? null
        : new ReadableStream<Uint8Array>({
            start(controller) {
              for (const chunk of chunks) controller.enqueue(new Uint8Array(chunk));
              controller.close();
            },
          }),
      { status, headers: contentType === null ? {} : { 'content-type': contentType } },
    );

/** A `fetch` that answers with these chunks and does not end its responses before `end` is called. */
export function chunkByChunk({ status, contentType }: Shape, chunks: readonly Uint8Array[]) {
  let askCount = 0;
  const open = new Set<ReadableStreamDefaultController<Uint8Array>>();
  const fetch: typeof globalThis.fetch = async () => {
    askCount++;
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
    const body = new ReadableStream<Uint8Array>({
      start(started) {
        controller = started;
        open.add(started);
        for (const chunk of chunks) started.enqueue(new Uint8Array(chunk));
      },
      cancel() {
        if (controller) open.delete(controller);
      },
    });
    return new Response(body, {
      status,
      headers: contentType === null ? {} : { 'content-type': contentType },
    });
  };
  return {
    fetch,
    get askCount() {
      return askCount;
    },
    end() {
      for (const controller of open) controller.close();
    },
  };
}
