import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The response of the server behind a test to the n-th request, from 1. */
export type Behaviour = (
  request: { readonly count: number; readonly body: Buffer; readonly raw: IncomingMessage },
  response: ServerResponse,
) => unknown;

export interface Upstream {
  readonly url: string;
  readonly requests: { readonly headers: IncomingMessage['headers']; readonly body: Buffer }[];
  stop(): Promise<void>;
}

/** Starts a server on a free port of this machine. */
export async function startUpstream(behave: Behaviour): Promise<Upstream> {
  const requests: Upstream['requests'] = [];
  const server = createServer(async (raw, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of raw) chunks.push(chunk);
    } catch {
      // The client disconnected during the upload.
      return;
    }
    const body = Buffer.concat(chunks);
    requests.push({ headers: raw.headers, body });
    await behave({ count: requests.length, body, raw }, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/messages`,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Starts a stream of server-sent events. Returns a function that writes one event. */
export function eventStream(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  return (event: string, data: unknown) =>
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
