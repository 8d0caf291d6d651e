import { CreateTableCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { randomKey } from '../../../src/index.js';
import { freePort } from '../../servers/process.js';
import { outcome, request, Scene } from './scene.js';

const sleep = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

describe('the DynamoDB store when the server', () => {
  const scene = new Scene();
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is down at the start: the error names the table and the address, and later calls succeed', async () => {
    const port = await freePort();
    const url = `http://user:password@127.0.0.1:${port}`;
    const store = scene.open({}, { endpoint: url, maxAttempts: 1 });
    const key = randomKey();
    await expect(scene.once({}, store)(key, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: `Cannot claim ${key}: the store dynamodb at http://127.0.0.1:${port}/samekey_records failed: Cannot reach the table "samekey_records" at http://127.0.0.1:${port}: ECONNREFUSED, wanted an answer of DynamoDB (SAMEKEY_STORE)`,
      cause: { code: 'ECONNREFUSED' },
    });
    const once = scene.once();
    await scene.server.kill();
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await scene.server.start();
    expect(await once(key, () => 2)).toBe(2);
  });

  it('dies between claim and completion: the result is stored when it is back', async () => {
    const once = scene.once({}, scene.open({}, { endpoint: scene.server.url }));
    const key = randomKey();
    let runs = 0;
    const value = await once(key, async () => {
      runs++;
      await scene.server.kill();
      setTimeout(() => scene.server.start(), 500);
      return 'kept';
    });
    expect(value).toBe('kept');
    expect(await scene.once()(key, () => ++runs)).toBe('kept');
    expect(runs).toBe(1);
  });

  it('answers late: the claim is given back', async () => {
    const key = randomKey();
    let isLate = true;
    scene.front.before = async ({ name }) => {
      if (isLate && name === 'PutItem') {
        isLate = false;
        await sleep(700);
      }
      return undefined;
    };
    const store = scene.open();
    await store.read(key);
    const once = scene.once({ storeTimeoutMs: 300 }, store);
    await expect(once(key, () => 1)).rejects.toMatchObject({ code: 'SAMEKEY_STORE' });
    await expect
      .poll(async () => {
        const { record } = await store.read(key);
        return isLate || record !== undefined;
      })
      .toBe(false);
    await sleep(1000);
    expect((await store.read(key)).record).toBeUndefined();
    expect(await once(key, () => 2)).toBe(2);
  });

  it('applies a write whose reply is lost, and the SDK sends it again: each step succeeds', async () => {
    const store = scene.open();
    const cutNext = () => {
      let isCut = false;
      scene.front.after = ({ name }) => {
        if (name !== 'PutItem' || isCut) return undefined;
        isCut = true;
        return 'cut';
      };
    };
    const key = randomKey();
    await store.read(key);
    for (const step of [
      async () => (await store.claim(key, request('a'))).claimed,
      () => store.renew(key, 'a', 90_000),
      () => store.release(key, 'a'),
      async () => (await store.claim(key, request('b'))).claimed,
      () => store.complete(key, 'b', outcome),
      () => store.evict(key),
    ]) {
      cutNext();
      scene.front.seen.length = 0;
      expect(await step()).toBe(true);
      expect(scene.front.seen.filter((name) => name === 'PutItem').length).toBe(2);
    }
    expect((await store.read(key)).record).toBeUndefined();
  });

  it('throttles: the SDK tries again, and then the error says so', async () => {
    const store = scene.open();
    const key = randomKey();
    let throttled = 0;
    scene.front.before = ({ name }) =>
      name === 'PutItem' && throttled++ < 1
        ? { type: 'ProvisionedThroughputExceededException', message: 'exceeded' }
        : undefined;
    expect((await store.claim(key, request('a'))).claimed).toBe(true);
    scene.front.before = () => ({ type: 'ThrottlingException', message: 'Rate exceeded' });
    const impatient = scene.open({}, { maxAttempts: 1 });
    const other = randomKey();
    await expect(scene.once({}, impatient)(other, () => 1)).rejects.toMatchObject({
      code: 'SAMEKEY_STORE',
      message: `Cannot claim ${other}: the store dynamodb at ${scene.front.url}/samekey_records failed: Cannot use the table "samekey_records" at ${scene.front.url}: the request was throttled (ThrottlingException), wanted more capacity, on-demand billing, or fewer calls (SAMEKEY_STORE)`,
      cause: { code: 'ThrottlingException' },
    });
    scene.front.before = () => undefined;
    expect(await store.complete(key, 'a', outcome)).toBe(true);
  });

  it('has no such table: the error has the definition that is wanted', async () => {
    const store = scene.open({ table: 'missing', keyAttribute: 'id' });
    await expect(store.claim(randomKey(), request('a'))).rejects.toMatchObject({
      name: 'ReferenceError',
      code: 'SAMEKEY_NO_TABLE',
      message: `Cannot use the table "missing" at ${scene.front.url}: it is not there, wanted a table with AttributeDefinitions [{"AttributeName":"id","AttributeType":"S"}] and KeySchema [{"AttributeName":"id","KeyType":"HASH"}] (store.schema), in this account and region`,
    });
    const far = scene.open(
      { table: 'missing' },
      {
        endpoint: undefined,
        region: 'eu-north-1',
        requestHandler: { handle: refuse('ResourceNotFoundException') },
      },
    );
    await expect(far.read('any')).rejects.toMatchObject({
      code: 'SAMEKEY_NO_TABLE',
      message: expect.stringContaining('the table "missing" in eu-north-1: it is not there'),
    });
  });

  it('has a table with another key', async () => {
    const own = scene.open({ table: 'orders', keyAttribute: 'id', ttlAttribute: 'expiration' });
    await scene.client().send(new CreateTableCommand(own.schema));
    await expect
      .poll(() =>
        own.read('any').then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const wrong = scene.open({ table: 'orders' });
    for (const act of [() => wrong.read('any'), () => wrong.claim(randomKey(), request('a'))]) {
      await expect(act()).rejects.toMatchObject({
        code: 'SAMEKEY_NO_TABLE',
        message: expect.stringMatching(/it has another key, wanted .*"AttributeName":"key"/),
      });
    }
    expect((await own.claim(randomKey(), request('a'))).claimed).toBe(true);
  });

  it.each([
    [
      'AccessDeniedException',
      'User: arn:aws:iam::1:user/a is not authorized to perform: dynamodb:PutItem on resource: b',
      'dynamodb:PutItem',
    ],
    [
      'InvalidSignatureException',
      'The Canonical String should have been x-amz-security-token:SECRET-TOKEN',
      'dynamodb:GetItem and dynamodb:PutItem',
    ],
    [
      'UnrecognizedClientException',
      'The security token SECRET-TOKEN is invalid.',
      'dynamodb:GetItem and dynamodb:PutItem',
    ],
  ])('refuses the credentials (%s): the error shows no secret', async (type, message, action) => {
    scene.front.before = () => ({ type, message });
    const store = scene.open(
      {},
      {
        credentials: {
          accessKeyId: 'KEY-ID',
          secretAccessKey: 'SECRET-KEY',
          sessionToken: 'SECRET-TOKEN',
        },
      },
    );
    const error = await store.claim(randomKey(), request('a')).catch((error) => error);
    expect(error).toMatchObject({
      code: type,
      message: `Cannot use the table "samekey_records" at ${scene.front.url}: the credentials were refused (${type}, request REQUEST), wanted credentials that may call ${action} on it`,
    });
    const { inspect } = await import('node:util');
    expect(inspect(error, { depth: 10 })).not.toMatch(/SECRET|KEY-ID/);
  });

  it('gets no credentials at all', async () => {
    // Those of the machine must not be found.
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('AWS_')) vi.stubEnv(name, undefined);
    }
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    const store = scene.open({}, { credentials: undefined });
    await expect(store.claim(randomKey(), request('a'))).rejects.toMatchObject({
      code: 'CredentialsProviderError',
      message: expect.stringContaining('the credentials were refused (CredentialsProviderError)'),
    });
  });

  it.each([
    [
      'an item of another program',
      { data: { S: 'x' }, status: { S: 'COMPLETED' } },
      /it is no record of samekey \(its attributes are [^)]*status/,
    ],
    [
      'a record of a later version',
      { format: { N: '2' }, version: { S: 'v' }, state: { S: 'done' } },
      /another version of samekey has written it \(format 2\), wanted format 1/,
    ],
  ])('has %s under the key: it is refused, and stays', async (_, attributes, message) => {
    const store = scene.open();
    const client = scene.client();
    const key = randomKey();
    const Item = { key: { S: key }, ...attributes };
    await client.send(new PutItemCommand({ TableName: 'samekey_records', Item }));
    for (const act of [
      () => store.claim(key, request('a', { takeFinished: true })),
      () => store.renew(key, 'a', 1000),
      () => store.complete(key, 'a', outcome),
      () => store.release(key, 'a'),
      () => store.read(key),
      () => store.evict(key),
    ]) {
      await expect(act()).rejects.toMatchObject({
        code: 'SAMEKEY_BAD_STATE',
        message: expect.stringMatching(message),
      });
    }
    const listed = [];
    for await (const entry of store.list?.() ?? []) listed.push(entry.key);
    expect(listed).not.toContain(key);
    const found = await client.send(
      new GetItemCommand({ TableName: 'samekey_records', Key: { key: { S: key } } }),
    );
    expect(found.Item).toEqual(Item);
  });
});

/** A connection that answers every request with an error. */
const refuse = (type: string) => async () => ({
  response: {
    statusCode: 400,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: new TextEncoder().encode(JSON.stringify({ __type: type, message: 'refused' })),
  },
});
