import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createOnce, type OnceOptions } from '../../../src/once/index.js';
import {
  type DynamoDbStore,
  type DynamoDbStoreOptions,
  dynamoDbStore,
} from '../../../src/store/dynamodb.js';
import type { ClaimRequest } from '../../../src/store/store.js';
import { type DynaliteServer, LOCAL, startDynalite } from '../../servers/dynalite.js';
import { type DynamoDbFront, startFront } from '../../servers/dynamodb-front.js';
import { request as freeRequest } from '../requests.js';

export { outcome } from '../requests.js';

/** A claim that takes a free key, or one of unknown outcome. */
export const request = (owner: string, own: Partial<ClaimRequest> = {}): ClaimRequest =>
  freeRequest(owner, { takeUnknown: true, ...own });

/** A dynalite, and a front of it for each test. */
export class Scene {
  server!: DynaliteServer;
  front!: DynamoDbFront;
  readonly #clients: DynamoDBClient[] = [];
  readonly #onces: { close(): Promise<void> }[] = [];

  /** Starts them in the hooks of the tests around the call. */
  constructor(...tables: string[]) {
    beforeAll(async () => {
      this.server = await startDynalite('samekey_records', ...tables);
    });
    beforeEach(async () => {
      this.front = await startFront(this.server.url);
    });
    afterEach(async () => {
      for (const once of this.#onces.splice(0)) await once.close();
      for (const client of this.#clients.splice(0)) client.destroy();
      await this.front.stop();
    });
    afterAll(() => this.server?.stop());
  }

  client(settings: object = {}): DynamoDBClient {
    const client = new DynamoDBClient({ ...LOCAL, endpoint: this.front.url, ...settings });
    this.#clients.push(client);
    return client;
  }

  /** Opens a store as another process would, through the front. */
  open(options: Partial<DynamoDbStoreOptions> = {}, settings: object = {}): DynamoDbStore {
    return dynamoDbStore({ client: this.client(settings), ...options });
  }

  once(options: Partial<OnceOptions> = {}, store = this.open()) {
    const once = createOnce({ store, cache: false, ...options });
    this.#onces.push(once);
    return once;
  }
}
