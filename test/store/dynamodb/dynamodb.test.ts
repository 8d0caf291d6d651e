import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { storeConformance } from '../../../src/store/conformance.js';
import { dynamoDbStore } from '../../../src/store/dynamodb.js';
import { deep } from '../../depth.js';
import { type DynaliteServer, LOCAL, startDynalite } from '../../servers/dynalite.js';

describe('the DynamoDB store', () => {
  let server: DynaliteServer;
  let client: DynamoDBClient;
  beforeAll(async () => {
    server = await startDynalite('samekey_records');
    client = new DynamoDBClient({ ...LOCAL, endpoint: server.url });
  });
  afterAll(async () => {
    client?.destroy();
    await server?.stop();
  });

  const open = () => dynamoDbStore({ client });
  const options = { open, maxPayloadBytes: 390 * 1024, steps: deep(100, 400) };
  for (const { name, run } of storeConformance(options)) it(name, run);
});
