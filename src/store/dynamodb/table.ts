import {
  type AttributeValue,
  type ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { monotonicMs } from '../../runtime/runtime.js';
import { throwFailure } from './failure.js';
import {
  FORMAT,
  fromItem,
  type Item,
  type KeptRecord,
  toAttributes,
  type Versioned,
} from './item.js';

/** How a table names its records. */
export interface TableNames {
  readonly table: string;
  readonly prefix: string;
  readonly keyAttribute: string;
  readonly ttlAttribute: string;
}

/** The item that refused a write, if the server returned it. */
export interface Refusal {
  readonly found: Versioned | undefined;
}

/** What a write expects to replace: nothing that is valid, or exactly this version. */
export type Expected =
  | { readonly version: string }
  | { readonly nowMs: number; readonly fencingToken: number };

/**
 * How long after its expiry DynamoDB may delete a record. Until then a machine whose clock is behind
 * still finds it, and the next fencing token is larger than its token.
 */
const GRACE_SECONDS = 3600;

/** The items of a table. Every write has a condition. */
export class Table {
  readonly #client: DynamoDBClient;
  readonly #names: TableNames;
  /** Receives the `Date` header of each response, and when its request was sent. */
  readonly #onResponse: (date: string | undefined, sentAt: number) => void;
  #place: Promise<string> | undefined;
  #address: string | undefined;

  constructor(
    client: DynamoDBClient,
    names: TableNames,
    onResponse: (date: string | undefined, sentAt: number) => void,
  ) {
    this.#client = client;
    this.#names = names;
    this.#onResponse = onResponse;
  }

  /** Where the table is: known from the first request on, because a client tells it in a promise. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Reads the newest version of a record. */
  async get(key: string): Promise<Versioned | undefined> {
    const { table } = this.#names;
    const command = new GetItemCommand({
      TableName: table,
      Key: this.#keyOf(key),
      ConsistentRead: true,
    });
    const { Item } = await this.#sent(command, () => this.#client.send(command));
    return Item && this.#read(Item, key);
  }

  /** Writes a record if the table has what is expected. Returns `undefined` if it was written. */
  async put(
    key: string,
    record: KeptRecord,
    version: string,
    expected: Expected,
    nowMs: number,
  ): Promise<Refusal | undefined> {
    const { table, keyAttribute, ttlAttribute } = this.#names;
    const endsMs = Math.max(record.expiresAtMs, nowMs);
    const command = new PutItemCommand({
      TableName: table,
      Item: {
        ...this.#keyOf(key),
        format: { N: FORMAT },
        version: { S: version },
        ...toAttributes(record),
        [ttlAttribute]: { N: String(Math.ceil(endsMs / 1000) + GRACE_SECONDS) },
      },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      ...conditionOf(expected, keyAttribute),
    });
    try {
      await this.#sent(command, () => this.#client.send(command));
      return undefined;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      // Emulators and old versions of the SDK return no item.
      return { found: error.Item && this.#read(error.Item, key) };
    }
  }

  /** Lists the records that have not expired, page by page. */
  async *scan(nowMs: number): AsyncGenerator<{ key: string; record: KeptRecord }> {
    const { table, prefix, keyAttribute } = this.#names;
    let start: Record<string, AttributeValue> | undefined;
    do {
      const command = new ScanCommand({
        TableName: table,
        ConsistentRead: true,
        FilterExpression: `#format = :format AND #expires > :now${prefix === '' ? '' : ' AND begins_with(#key, :prefix)'}`,
        ExpressionAttributeNames: {
          '#format': 'format',
          '#expires': 'expires_at_ms',
          ...(prefix !== '' && { '#key': keyAttribute }),
        },
        ExpressionAttributeValues: {
          ':format': { N: FORMAT },
          ':now': { N: String(nowMs) },
          ...(prefix !== '' && { ':prefix': { S: prefix } }),
        },
        ...(start && { ExclusiveStartKey: start }),
      });
      const { Items = [], LastEvaluatedKey } = await this.#sent(command, () =>
        this.#client.send(command),
      );
      for (const item of Items) {
        const key = (item[keyAttribute]?.S ?? '').slice(prefix.length);
        yield { key, record: this.#read(item, key).record };
      }
      start = LastEvaluatedKey;
    } while (start !== undefined);
  }

  #keyOf(key: string): Record<string, AttributeValue> {
    return { [this.#names.keyAttribute]: { S: this.#names.prefix + key } };
  }

  #read(item: Item, key: string): Versioned {
    return fromItem(
      item,
      `the item "${this.#names.prefix}${key}" of the table "${this.#names.table}"`,
    );
  }

  async #sent<T>(command: unknown, send: () => Promise<T>): Promise<T> {
    this.#observe(command as GetItemCommand);
    const { table, keyAttribute } = this.#names;
    this.#place ??= serverOf(this.#client).then((server) => {
      this.#address = `${server}/${table}`;
      return `${server.includes('://') ? 'at' : 'in'} ${server}`;
    });
    try {
      return await send();
    } catch (error) {
      if (isRefusal(error)) throw error;
      return throwFailure(error, { table, keyAttribute, place: await this.#place });
    }
  }

  /** Adds a step to this command alone, next to the connection: it sees each attempt of the SDK. */
  #observe(command: GetItemCommand): void {
    command.middlewareStack.add(
      (next) => async (args) => {
        const sentAt = monotonicMs();
        const result = await next(args);
        const { headers } = result.response as { headers?: Readonly<Record<string, string>> };
        this.#onResponse(headers?.date ?? headers?.Date, sentAt);
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
  }
}

/** By its name: a program may have two copies of the SDK. */
function isRefusal(error: unknown): error is ConditionalCheckFailedException {
  return (error as Error | undefined)?.name === 'ConditionalCheckFailedException';
}

/** The condition of a write. An item that is no record of samekey never meets it. */
function conditionOf(expected: Expected, keyAttribute: string) {
  if ('version' in expected) {
    return {
      ConditionExpression: '#version = :version',
      ExpressionAttributeNames: { '#version': 'version' },
      ExpressionAttributeValues: { ':version': { S: expected.version } },
    };
  }
  return {
    // DynamoDB deletes an expired record after hours or days.
    ConditionExpression:
      'attribute_not_exists(#key) OR (#format = :format AND #expires <= :now AND #token < :token)',
    ExpressionAttributeNames: {
      '#key': keyAttribute,
      '#format': 'format',
      '#expires': 'expires_at_ms',
      '#token': 'fencing_token',
    },
    ExpressionAttributeValues: {
      ':format': { N: FORMAT },
      ':now': { N: String(expected.nowMs) },
      ':token': { N: String(expected.fencingToken) },
    },
  };
}

/** Returns where the client sends its requests: its endpoint without credentials, or its region. */
async function serverOf({ config }: DynamoDBClient): Promise<string> {
  try {
    if (config.endpoint === undefined) return await config.region();
    const { protocol, hostname, port } = await config.endpoint();
    return `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
  } catch {
    return 'an unknown region';
  }
}
