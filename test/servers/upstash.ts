import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { type RedisServer, startRedis } from './redis.js';

export const TOKEN = 'token-of-the-tests';
/** Of a user that may only read. */
export const READ_TOKEN = 'read-token-of-the-tests';

export interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** A real Redis behind the REST API that Upstash documents. */
export interface Upstash {
  readonly url: string;
  readonly redis: RedisServer;
  /** The commands that it has got, in order. */
  readonly commands: string[][];
  /**
   * Answers in place of the server, or changes its reply. `undefined` cuts the connection without
   * one.
   */
  answer: (
    command: readonly string[],
    ask: () => Promise<Reply>,
  ) => Promise<Reply | undefined> | Reply | undefined;
  /** Ends the server and its HTTP port at once. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const BODY_LIMIT = 10 * 1024 * 1024;

/** Starts it, with options of redis-server. */
export async function startUpstash(...options: string[]): Promise<Upstash> {
  const redis = await startRedis(
    ...options,
    '--user',
    'reader',
    'on',
    '>x',
    '~*',
    '+@read',
    '+info',
  );
  const connect = (user: object) =>
    new Redis(redis.port, '127.0.0.1', {
      ...user,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
    }).on('error', () => {});
  let users: Map<string, Redis>;
  let server: Server;
  let port = 0;

  async function run(client: Redis, command: readonly string[], encode: Encode): Promise<Reply> {
    const [name, ...rest] = command as [string, ...string[]];
    try {
      return { status: 200, body: { result: encode(await client.callBuffer(name, ...rest)) } };
    } catch (error) {
      return { status: 400, body: { error: (error as Error).message } };
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    for await (const chunk of request) {
      chunks.push(chunk);
      byteCount += chunk.length;
    }
    const say = ({ status, body }: Reply) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    const client = users.get(String(request.headers.authorization).replace(/^Bearer /i, ''));
    if (client === undefined) return say({ status: 401, body: { error: 'Unauthorized' } });
    if (request.method !== 'POST') {
      return say({ status: 405, body: { error: 'ERR unsupported method' } });
    }
    if (byteCount > BODY_LIMIT) {
      const error = `ERR max request size exceeded. Limit: ${BODY_LIMIT} bytes, Actual: ${byteCount} bytes`;
      return say({ status: 400, body: { error } });
    }
    const encode = request.headers['upstash-encoding'] === 'base64' ? asBase64 : asText;
    const sent = JSON.parse(Buffer.concat(chunks).toString());
    if (request.url === '/') {
      const command = sent.map(String);
      upstash.commands.push(command);
      const reply = await upstash.answer(command, () => run(client, command, encode));
      return reply === undefined ? void request.socket.destroy() : say(reply);
    }
    const commands: string[][] = sent.map((command: unknown[]) => command.map(String));
    upstash.commands.push(...commands);
    if (request.url === '/pipeline') {
      const body: unknown[] = [];
      for (const command of commands) body.push((await run(client, command, encode)).body);
      return say({ status: 200, body });
    }
    if (request.url === '/multi-exec') {
      const multi = client.multi();
      for (const [name, ...rest] of commands) multi.callBuffer(name as string, ...rest);
      const replies = (await multi.exec()) ?? [];
      return say({
        status: 200,
        body: replies.map(([error, result]) =>
          error ? { error: error.message } : { result: encode(result) },
        ),
      });
    }
    return say({ status: 404, body: { error: 'Not found' } });
  }

  async function listen() {
    users = new Map([
      [TOKEN, connect({})],
      [READ_TOKEN, connect({ username: 'reader', password: 'x' })],
    ]);
    server = createServer((request, response) => {
      handle(request, response).catch(() => request.socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  }
  await listen();

  async function close() {
    for (const client of users.values()) client.disconnect();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  const upstash: Upstash = {
    url: `http://127.0.0.1:${port}`,
    redis,
    commands: [],
    answer: (_, ask) => ask(),
    async kill() {
      await close();
      await redis.kill();
    },
    async start() {
      await redis.start();
      await listen();
    },
    async stop() {
      await close();
      await redis.stop();
    },
  };
  return upstash;
}

type Encode = (reply: unknown) => unknown;

/** Texts as base64, but for the status of a command. */
const asBase64: Encode = (reply) => {
  if (Array.isArray(reply)) return reply.map(asBase64);
  if (!Buffer.isBuffer(reply)) return reply;
  return reply.equals(Buffer.from('OK')) ? 'OK' : reply.toString('base64');
};

const asText: Encode = (reply) => {
  if (Array.isArray(reply)) return reply.map(asText);
  return Buffer.isBuffer(reply) ? reply.toString() : reply;
};
