import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../proxy/program.js';
import { describeWith, ended, endWithTests, freePort } from '../servers/process.js';
import { hasRedis } from '../servers/redis.js';
import { DEPLOY } from './dockerfile.js';
import { dockerfile, installApp, startContainer } from './image.js';

/** A Python that reads YAML: that of the path, or that of the system. */
const python = ['python3', '/usr/bin/python3'].find(
  (name) => spawnSync(name, ['-c', 'import yaml']).status === 0,
);

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly image: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly stop_grace_period: string;
}

interface Compose {
  readonly services: { readonly proxy: Service; readonly redis: Service };
  readonly networks: Readonly<Record<string, { readonly internal: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const seconds = (text = '') => Number(/^(\d+)s$/.exec(text)?.[1]);

describeWith('python3-yaml', python !== undefined, 'compose.yaml', () => {
  const print = 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))';
  const { stdout } = spawnSync(python as string, ['-c', print], {
    input: readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8'),
    encoding: 'utf8',
  });
  const { services, networks, volumes } = JSON.parse(stdout || '{"services": {}}') as Compose;
  const { proxy, redis } = services;

  it('builds the Dockerfile, and gives the proxy nothing that it does not need', () => {
    const context = join(DEPLOY, proxy.build.context);
    expect(existsSync(join(context, proxy.build.dockerfile))).toBe(true);
    expect(proxy).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    const [port = ''] = proxy.ports ?? [];
    const inside = dockerfile.wordsOf('ENTRYPOINT').at(-3);
    expect(port).toBe(`127.0.0.1:${inside}:${inside}`);
    expect(proxy.ports).toHaveLength(1);
  });

  it('gives responses that clients do not read a folder on the disk', () => {
    const [name = '', at = ''] = (proxy.volumes[0] as string).split(':');
    expect(volumes).toHaveProperty(name, null);
    expect(at).toBe(dockerfile.environment.TMPDIR);
    expect(proxy.volumes).toHaveLength(1);
    // It would be in memory.
    expect(proxy).not.toHaveProperty('tmpfs');
  });

  it('waits until Redis is healthy, and lets the proxy end in peace', () => {
    expect(proxy.depends_on).toEqual({ redis: { condition: 'service_healthy' } });
    const grace = seconds(proxy.command[proxy.command.indexOf('--grace') + 1]);
    expect(seconds(proxy.stop_grace_period)).toBeGreaterThan(grace + 3);
  });

  it('keeps Redis to itself, and its records on a volume', () => {
    expect(redis.ports).toBeUndefined();
    for (const name of redis.networks) expect(networks[name]).toEqual({ internal: true });
    expect(proxy.networks).toEqual(expect.arrayContaining([...redis.networks]));
    const [name = '', at = ''] = (redis.volumes[0] as string).split(':');
    expect(volumes).toHaveProperty(name);
    expect(at).toBe('/data');
    expect(redis.image).toMatch(/^redis:\d+\.\d+\.\d+-/);
  });

  const parts = hasRedis && spawnSync('redis-cli', ['--version']).status === 0;
  describeWith('redis-server', parts, 'its commands', () => {
    it('start a store that is healthy, and a proxy that uses it', async () => {
      const data = mkdtempSync(join(tmpdir(), 'samekey-compose-'));
      const port = String(await freePort());
      const [server = '', ...options] = redis.command;
      const child = spawn(server, [...options, '--port', port, '--dir', data], { stdio: 'ignore' });
      endWithTests(child);
      const [, client = '', ...words] = redis.healthcheck.test;
      const isHealthy = async () => (await run(client, ['-p', port, ...words])).code;
      await expect.poll(isHealthy).toBe(0);

      const app = installApp();
      const { SAMEKEY_STORE = '', ...others } = proxy.environment;
      expect(SAMEKEY_STORE).toBe('redis://redis:6379');
      const container = await startContainer(app.path, proxy.command, {
        ...others,
        SAMEKEY_STORE: `redis://127.0.0.1:${port}`,
      });
      await container.listening;
      expect(container.log[0]).toMatchObject({ store: 'redis' });
      expect((await container.check()).code).toBe(0);

      child.kill();
      await ended(child);
      expect(await isHealthy()).not.toBe(0);
      expect((await container.check()).code).toBe(1);
      container.kill('SIGTERM');
      expect(await container.ended).toBe(0);
      app.remove();
      rmSync(data, { recursive: true });
    });
  });
});
