import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  type EventStore,
  StreamableHTTPServerTransport,
} from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** Keeps the events of all streams in their order, so that a client can resume one. */
export class MemoryEvents implements EventStore {
  readonly #events: { readonly streamId: string; readonly message: JSONRPCMessage }[] = [];

  async storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    return String(this.#events.push({ streamId, message }));
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send(eventId: string, message: JSONRPCMessage): Promise<void> },
  ): Promise<string> {
    const streamId = this.#events[Number(lastEventId) - 1]?.streamId ?? '';
    for (const [index, event] of this.#events.entries()) {
      if (index >= Number(lastEventId) && event.streamId === streamId)
        await send(String(index + 1), event.message);
    }
    return streamId;
  }
}

export interface HttpServer {
  readonly url: URL;
  /** The `Last-Event-ID` of each request to resume a stream. */
  readonly resumed: string[];
  /** Breaks the connections of all responses to POST requests that are being sent. */
  cut(): void;
  stop(): Promise<void>;
}

/** A real HTTP server with sessions. `makeServer` makes the MCP server of each session. */
export async function startHttp(
  makeServer: () => McpServer,
  { events, userOf }: { events?: EventStore; userOf?: (token: string) => string } = {},
): Promise<HttpServer> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const open = new Set<ServerResponse>();
  const resumed: string[] = [];
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      open.add(response);
      response.on('close', () => open.delete(response));
    }
    const lastEventId = request.headers['last-event-id'];
    if (lastEventId !== undefined) resumed.push(String(lastEventId));
    const token = request.headers.authorization?.replace('Bearer ', '');
    if (userOf !== undefined && token !== undefined) {
      Object.assign(request, {
        auth: { token, clientId: 'app', scopes: [], extra: { user: userOf(token) } },
      });
    }
    const known = sessions.get(String(request.headers['mcp-session-id']));
    const transport =
      known ??
      new StreamableHTTPServerTransport({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport),
        ...(events && { eventStore: events, retryInterval: 10 }),
      });
    if (known === undefined) await makeServer().connect(transport as never);
    await transport.handleRequest(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`),
    resumed,
    cut() {
      for (const response of open) response.destroy();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Connects a new client, in a session of its own. */
export async function connectHttp(
  url: URL,
  headers: Record<string, string> = { authorization: 'Bearer anna' },
): Promise<Client> {
  const client = new Client({ name: 'agent', version: '1.0.0' });
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers },
    reconnectionOptions: {
      initialReconnectionDelay: 10,
      maxReconnectionDelay: 100,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 20,
    },
  });
  await client.connect(transport as never);
  return client;
}
