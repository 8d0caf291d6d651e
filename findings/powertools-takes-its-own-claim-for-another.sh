#!/bin/sh
# One would guess that a Lambda function behind Powertools' idempotency runs when the reply to its first
# write is lost: the AWS SDK sends the write again, and no other invocation has the key.
# It does not (2026-11-29): @aws-lambda-powertools/idempotency 2.35.0 with @aws-sdk/client-dynamodb 3. The
# first write has created the record; the SDK's second attempt of the same PutItem fails its condition,
# and the record does not say whose it is. Powertools throws IdempotencyAlreadyInProgressError, the function
# has never run, and every retry is refused until the time of the first invocation is over. Without a Lambda
# context it is refused until the record expires, an hour later by default.
# A record that names its owner, or a new version with each write, lets the second attempt find its own.
# Exits with 1 if a version behaves differently.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --no-audit --no-fund --silent --ignore-scripts @aws-lambda-powertools/idempotency@2.35.0 \
  @aws-sdk/client-dynamodb@3 @aws-sdk/lib-dynamodb@3 @aws-sdk/util-dynamodb@3 dynalite@4.0.0 2>/dev/null
cat > check.mjs <<'JS'
import { createServer } from 'node:http';
import { IdempotencyConfig, makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { DynamoDBPersistenceLayer } from '@aws-lambda-powertools/idempotency/dynamodb';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';

const listening = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
const target = await listening(dynalite({ createTableMs: 0 }));

// Passes everything on, and loses the reply to the first PutItem.
let putCount = 0;
const front = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { host, connection, 'content-length': length, ...headers } = request.headers;
  const reply = await fetch(`http://127.0.0.1:${target}`, {
    method: 'POST',
    headers,
    body: Buffer.concat(chunks),
  });
  const body = await reply.text();
  if (headers['x-amz-target'].endsWith('.PutItem') && ++putCount === 1) return request.socket.destroy();
  response.writeHead(reply.status, { 'content-type': 'application/x-amz-json-1.0' });
  response.end(body);
});
const client = new DynamoDBClient({
  endpoint: `http://127.0.0.1:${await listening(front)}`,
  region: 'eu-west-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
});
await client.send(
  new CreateTableCommand({
    TableName: 'records',
    AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  }),
);
await new Promise((resolve) => setTimeout(resolve, 500));

let runCount = 0;
const context = { getRemainingTimeInMillis: () => 60_000 };
const charge = makeIdempotent(async () => ++runCount, {
  persistenceStore: new DynamoDBPersistenceLayer({ tableName: 'records', awsSdkV3Client: client }),
  config: new IdempotencyConfig({ lambdaContext: context }),
});
const outcomes = [];
for (let attempt = 0; attempt < 2; attempt++) {
  outcomes.push(await charge({ order: 7 }).then((value) => value, (error) => error.name));
}
console.log({ outcomes, runCount, putCount });
const isAsSeen =
  runCount === 0 && outcomes.every((outcome) => outcome === 'IdempotencyAlreadyInProgressError');
console.log(isAsSeen ? 'as described' : 'CHANGED');
process.exit(isAsSeen ? 0 : 1);
JS
node check.mjs
