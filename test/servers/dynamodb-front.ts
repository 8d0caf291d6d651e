import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request to DynamoDB: its operation, such as `PutItem`, and its input. */
export interface Operation {
  readonly name: string;
  readonly input: {
    readonly TableName?: string;
    readonly Key?: Readonly<Record<string, { readonly S?: string }>>;
    readonly Item?: Readonly<Record<string, { readonly S?: string }>>;
    readonly ReturnValuesOnConditionCheckFailure?: string;
  };
}

/** An error as DynamoDB returns it. */
export interface Refused {
  readonly type: string;
  readonly message?: string;
}

/** A front of a dynalite that behaves as told. */
export interface DynamoDbFront {
  readonly url: string;
  /** The operations that arrived, by name. */
  readonly seen: string[];
  /** Runs before an operation. Its error is the response. */
  before: (operation: Operation) => Refused | undefined | Promise<Refused | undefined>;
  /** Runs after an operation; `'cut'` closes the connection without a response. */
  after: (operation: Operation) => 'cut' | undefined;
  /** How far the clock of the server is ahead. */
  aheadMs: number;
  stop(): Promise<void>;
}

const KEY_ATTRIBUTES = ['key', 'id'];

/**
 * Starts a front of the server at `target`. Unlike dynalite, it returns the item that refused a
 * write, as `ReturnValuesOnConditionCheckFailure` is documented.
 */
export async function startFront(target: string): Promise<DynamoDbFront> {
  const seen: string[] = [];
  const ask = async (headers: Record<string, string>, body: string) => {
    const response = await fetch(target, { method: 'POST', headers, body });
    return { status: response.status, text: await response.text() };
  };
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const headers: Record<string, string> = {};
    for (const name of ['content-type', 'authorization', 'x-amz-date', 'x-amz-target']) {
      const value = request.headers[name];
      if (typeof value === 'string') headers[name] = value;
    }
    const [service = '', name = ''] = (headers['x-amz-target'] ?? '').split('.');
    const operation: Operation = { name, input: JSON.parse(body) };
    seen.push(name);
    const refused = await front.before(operation);
    const answer =
      refused === undefined
        ? await ask(headers, body)
        : {
            status: 400,
            text: JSON.stringify({
              __type: `com.amazonaws.dynamodb.v20120810#${refused.type}`,
              message: refused.message ?? '',
            }),
          };
    if (refused === undefined && front.after(operation) === 'cut') {
      request.socket.destroy();
      return;
    }
    const { TableName, Item, ReturnValuesOnConditionCheckFailure } = operation.input;
    if (
      answer.text.includes('ConditionalCheckFailedException') &&
      ReturnValuesOnConditionCheckFailure === 'ALL_OLD'
    ) {
      const [keyAttribute = ''] = KEY_ATTRIBUTES.filter((each) => Item?.[each] !== undefined);
      const read = {
        TableName,
        Key: { [keyAttribute]: Item?.[keyAttribute] },
        ConsistentRead: true,
      };
      const { text } = await ask(
        { ...headers, 'x-amz-target': `${service}.GetItem` },
        JSON.stringify(read),
      );
      answer.text = JSON.stringify({ ...JSON.parse(answer.text), ...JSON.parse(text) });
    }
    response.writeHead(answer.status, {
      'content-type': 'application/x-amz-json-1.0',
      date: new Date(Date.now() + front.aheadMs).toUTCString(),
      'x-amzn-requestid': 'REQUEST',
    });
    response.end(answer.text);
  };
  // Without the server behind it, the front closes the connection.
  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const front: DynamoDbFront = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    before: () => undefined,
    after: () => undefined,
    aheadMs: 0,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return front;
}
