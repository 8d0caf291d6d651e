import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoDbStore } from '../../src/store/dynamodb.js';
import { ended, endWithTests, freePort, untilReady } from './process.js';

export interface DynaliteServer {
  readonly url: string;
  readonly port: number;
  kill(): Promise<void>;
  /** Starts the server again with its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const PROGRAM = createRequire(import.meta.url).resolve('dynalite/cli.js');

/** Settings of a client for a local server, which takes any credentials. */
export const LOCAL = {
  region: 'eu-west-1',
  credentials: { accessKeyId: 'local', secretAccessKey: 'local-secret' },
} as const;

/** Starts dynalite on a free port as a process of its own, with the tables of these names. */
export async function startDynalite(...tables: readonly string[]): Promise<DynaliteServer> {
  const folder = mkdtempSync(join(tmpdir(), 'samekey-dynalite-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child = await start();
  async function start(): Promise<ChildProcess> {
    const args = [PROGRAM, '--port', String(port), '--path', folder, '--createTableMs', '0'];
    const server = spawn(process.execPath, args, { stdio: 'ignore' });
    endWithTests(server);
    await untilReady(async () => (await fetch(url)).ok, 'dynalite');
    return server;
  }
  async function kill() {
    child.kill('SIGKILL');
    await ended(child);
  }
  await createTables(url, tables);
  return {
    url,
    port,
    kill,
    async start() {
      child = await start();
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function createTables(url: string, tables: readonly string[]): Promise<void> {
  const client = new DynamoDBClient({ ...LOCAL, endpoint: url });
  for (const table of tables) {
    await client.send(new CreateTableCommand(dynamoDbStore({ client, table }).schema));
    await untilReady(async () => {
      await dynamoDbStore({ client, table }).read('any');
    }, table);
  }
  client.destroy();
}
