import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../cli/program.js';
import { describeWith } from '../servers/process.js';
import { hasRedis, type RedisServer, startRedis } from '../servers/redis.js';
import { type Behaviour, startUpstream, type Upstream } from '../servers/upstream.js';
import {
  type Container,
  canMount,
  clients,
  dockerfile,
  installApp,
  makeVolume,
  runInImage,
  startContainer,
} from './image.js';

let app: ReturnType<typeof installApp>;
let upstream: Upstream;
const containers: Container[] = [];

beforeAll(() => {
  app = installApp();
});
afterAll(() => app.remove());
afterEach(async () => {
  for (const { kill, ended } of containers.splice(0)) {
    try {
      kill('SIGKILL');
    } catch {
      // It has ended.
    }
    await ended;
  }
  await upstream?.stop();
});

async function start(flags: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const container = await startContainer(app.path, flags, env);
  containers.push(container);
  return container;
}

async function startInFront(behave: Behaviour, env: Readonly<Record<string, string>> = {}) {
  upstream = await startUpstream(behave);
  const container = await start(['--upstream', new URL(upstream.url).origin], env);
  return { container, url: await container.listening };
}

const post = (url: string) => fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{}' });
const answer: Behaviour = (_, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{"answer":1}');
};

/** A stream whose second part waits until `finish` is called. */
function stream() {
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const part = (delta: string, reason: string | null) =>
    `data: {"choices":[{"index":0,"delta":{"content":"${delta}"},"finish_reason":${reason}}]}\n\n`;
  const parts = [part('a', null), `${part('b', '"stop"')}data: [DONE]\n\n`] as const;
  const behave: Behaviour = async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(parts[0]);
    await finished;
    response.end(parts[1]);
  };
  return { behave, finish, parts };
}

/** Starts to read a stream, up to its first part. */
async function open(url: string) {
  const response = await post(url);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const decoder = new TextDecoder();
  const first = decoder.decode((await reader.read()).value, { stream: true });
  return {
    first,
    async rest() {
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return text;
        text += decoder.decode(value, { stream: true });
      }
    },
  };
}

describe('the image', () => {
  it('is built on one pinned version of Node.js, that of the tests', () => {
    const manifest = readFileSync(join(ROOT, 'test/runtimes/package.json'), 'utf8');
    const tested = JSON.parse(manifest).dependencies['node-24'].split('@').at(-1);
    const bases = new Set(dockerfile.stages.map(({ base }) => base));
    expect([...bases]).toEqual([`node:${tested}-bookworm-slim`]);
  });

  it('names its version, its source and its licence', () => {
    const { version, license } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const labels = Object.fromEntries(
      [...dockerfile.textOf('LABEL').matchAll(/org\.opencontainers\.image\.(\w+)="([^"]*)"/g)].map(
        ([, name, value]) => [name, value],
      ),
    );
    expect(labels).toMatchObject({ version, licenses: license });
    expect(labels.source).toMatch(/^https:\/\//);
  });

  it('has the versions of the clients that the tests use, and no other package', () => {
    expect(clients().length).toBeGreaterThan(10);
    for (const { path, version, tested } of clients())
      expect(`${path} ${version}`).toBe(`${path} ${tested}`);
  });

  it('installs from lock files, without scripts of packages and without secrets', () => {
    const all = dockerfile.stages.flatMap(({ instructions }) => instructions);
    const installs = all.filter(
      ({ name, text }) => name === 'RUN' && /\bnpm (?:ci?|i|install|add)\b/.test(text),
    );
    expect(installs).toHaveLength(2);
    for (const { text } of installs) expect(text).toMatch(/^npm ci .*--ignore-scripts/);
    for (const { name, text } of all.filter(({ name }) => name === 'ARG' || name === 'ENV')) {
      expect(`${name} ${text}`).not.toMatch(/TOKEN|SECRET|PASSWORD|_KEY|AUTH/i);
    }
    expect(all.map(({ name }) => name)).not.toContain('ADD');
  });

  it('runs as a numbered user that is not root, and takes signals itself', () => {
    expect(dockerfile.textOf('USER')).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(dockerfile.textOf('STOPSIGNAL')).toBe('SIGTERM');
    // Without a shell in between: the exec form is JSON.
    expect(dockerfile.wordsOf('ENTRYPOINT')[0]).toBe('node');
    expect(dockerfile.wordsOf('HEALTHCHECK')[0]).toBe('node');
  });

  it('prints its help without arguments', async () => {
    const command = [...dockerfile.wordsOf('ENTRYPOINT'), ...dockerfile.wordsOf('CMD')];
    const { code, stdout, stderr } = await runInImage(app.path, command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('samekey proxy');
  });

  it('runs with a read-only root that has no shell, as its user', async () => {
    if (!canMount) {
      console.warn('this user may not mount, so the image ran without a read-only root');
      return;
    }
    const { container } = await startInFront(answer);
    const status = readFileSync(`/proc/${container.pid()}/status`, 'utf8');
    const [user, group] = dockerfile.textOf('USER').split(':');
    expect(status).toMatch(new RegExp(`^Uid:\t${user}\t${user}\t`, 'm'));
    expect(status).toMatch(new RegExp(`^Gid:\t${group}\t${group}\t`, 'm'));
    expect(status).toMatch(/^NSpid:\t\d+\t1$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    const root = `/proc/${container.pid()}/root`;
    expect(readdirSync(join(root, 'usr'))).not.toContain('bin');
    const write = `for (const at of ['/', '/app/', '/app/node_modules/samekey/']) {
      try { require('fs').writeFileSync(at + 'x', ''); } catch (error) { console.log(error.code); }
    }`;
    expect((await runInImage(app.path, ['node', '-e', write])).stdout).toBe('EROFS\n'.repeat(3));
  });

  it('moves responses that clients do not read to the files of its volume', async () => {
    const large = JSON.stringify({ answer: 'x'.repeat(4_000_000) });
    const behave: Behaviour = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(large);
    };
    const volume = makeVolume();
    upstream = await startUpstream(behave);
    const flags = ['--upstream', new URL(upstream.url).origin, '--max-held', '1MiB'];
    const stalled: Socket[] = [];
    /** Starts a container, and a client for each of two responses that stops reading. */
    const stall = async (env: Readonly<Record<string, string>>) => {
      const container = await start(flags, env);
      const url = await container.listening;
      const read = (path: string) =>
        fetch(String(container.log[0]?.metricsUrl).replace('0.0.0.0', '127.0.0.1') + path);
      for (const n of [1, 2]) {
        const socket = connect(Number(new URL(url).port), '127.0.0.1').pause();
        socket.write(
          `POST /v1/${n} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
        );
        stalled.push(socket);
      }
      return {
        container,
        spilled: async () => {
          const text = await (await read('/metrics')).text();
          return Number(/^samekey_proxy_spilled_bytes (\d+)/m.exec(text)?.[1]);
        },
      };
    };
    const { container, spilled } = await stall({ VOLUME_AT_TMPDIR: volume.path });
    await expect.poll(spilled).toBeGreaterThan(1_000_000);
    // The files that it has open on the disk of the volume, which have no name.
    const { dev } = statSync(volume.path);
    const byteCount = () => {
      let bytes = 0;
      for (const fd of readdirSync(`/proc/${container.pid()}/fd`)) {
        const file = statSync(`/proc/${container.pid()}/fd/${fd}`, { throwIfNoEntry: false });
        if (file?.isFile() && file.dev === dev && file.nlink === 0) bytes += file.size;
      }
      return bytes;
    };
    await expect.poll(byteCount).toBeGreaterThan(1_000_000);
    expect(readdirSync(volume.path)).toEqual([]);
    expect(container.log.map(({ msg }) => msg)).not.toContain('responses stay in memory');
    if (canMount) {
      // Without a volume the root is read-only, and the proxy says so.
      const without = await stall({});
      const told = () => without.container.log.map(({ msg }) => msg);
      await expect.poll(told).toContain('responses stay in memory');
      expect(await without.spilled()).toBe(0);
    }
    for (const socket of stalled) socket.destroy();
    volume.remove();
  });

  it('answers duplicates, and its health check succeeds until it has ended', async () => {
    const { container, url } = await startInFront(answer);
    const responses = [await post(url), await post(url)];
    expect(responses.map(({ headers }) => headers.get('samekey'))).toEqual([
      'executed',
      'replayed',
    ]);
    expect(upstream.requests).toHaveLength(1);
    expect(await container.check()).toMatchObject({
      code: 0,
      stdout: '{"status":"ok","store":"ok"}\n\n',
    });
    container.kill('SIGTERM');
    expect(await container.ended).toBe(0);
    const stopped = await container.check();
    expect(stopped.code).toBe(1);
    expect(stopped.stderr).toContain('ECONNREFUSED');
  });

  it('finishes a stream after SIGTERM, and reports that it ends', async () => {
    const { behave, finish, parts } = stream();
    const { container, url } = await startInFront(behave);
    const { first, rest } = await open(url);
    expect(first).toBe(parts[0]);
    container.kill('SIGTERM');
    await expect.poll(async () => (await container.check()).stdout).toContain('"ending"');
    expect((await container.check()).code).toBe(1);
    finish();
    expect(await rest()).toBe(parts[1]);
    expect(await container.ended).toBe(0);
    expect(container.log.at(-1)?.msg).toBe('ended');
  });

  it('ends at once after a second SIGTERM', async () => {
    const { behave, finish } = stream();
    const { container, url } = await startInFront(behave);
    const { rest } = await open(url);
    const cut = expect(rest()).rejects.toThrow();
    container.kill('SIGTERM');
    await expect.poll(() => container.log.some(({ msg }) => msg === 'ending')).toBe(true);
    container.kill('SIGTERM');
    expect(await container.ended).toBe(143);
    await cut;
    finish();
  });

  it('ends at once after a SIGTERM before it listens', async () => {
    const silent = createServer();
    const connected = once(silent, 'connection');
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as { port: number };
    upstream = await startUpstream(answer);
    const container = await start(['--upstream', new URL(upstream.url).origin], {
      SAMEKEY_STORE: `redis://127.0.0.1:${port}`,
    });
    await connected;
    container.kill('SIGTERM');
    expect(await container.ended).toBe(143);
    silent.close();
  });
});

describeWith('redis-server', hasRedis, 'the image with Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    // The user `default` needs no password.
    redis = await startRedis('--user', 'proxy', 'on', '>correct-horse', '~*', '&*', '+@all');
  });
  afterAll(() => redis?.stop());
  const store = () => `redis://proxy:correct-horse@127.0.0.1:${redis.port}`;

  it('takes its address from the environment, and reports a store that is down', async () => {
    const { container, url } = await startInFront(answer, { SAMEKEY_STORE: store() });
    const words = readFileSync(`/proc/${container.pid()}/cmdline`, 'utf8').split('\0');
    expect(words.join(' ')).toContain('proxy');
    expect(words.join(' ')).not.toContain('correct-horse');
    expect(container.log[0]).toMatchObject({ store: 'redis' });
    expect((await post(url)).headers.get('samekey')).toBe('executed');
    expect((await container.check()).code).toBe(0);
    const [node = '', program = ''] = dockerfile.wordsOf('ENTRYPOINT');
    const list = [node, program, 'store', 'ls', '--json'];
    const { stdout } = await runInImage(app.path, list, { SAMEKEY_STORE: store() });
    expect(JSON.parse(stdout)).toMatchObject({ state: 'done' });

    await redis.kill();
    await expect.poll(async () => (await container.check()).code).toBe(1);
    expect((await container.check()).stdout).toContain(
      '{"status":"unavailable","store":"unreachable"}',
    );

    await redis.start();
    await expect.poll(async () => (await container.check()).code).toBe(0);
    expect(container.log.map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['the store does not answer', 'the store answers again']),
    );
    expect(JSON.stringify(container.log)).not.toContain('correct-horse');
    container.kill('SIGTERM');
    expect(await container.ended).toBe(0);
  });

  it('stays ready without its store if requests then run without protection', async () => {
    const { container, url } = await startInFront(answer, {
      SAMEKEY_STORE: store(),
      SAMEKEY_ON_STORE_ERROR: 'run',
      SAMEKEY_STORE_TIMEOUT_MS: '100',
    });
    await redis.kill();
    await expect.poll(async () => (await container.check()).stdout).toContain('unreachable');
    expect(await container.check()).toMatchObject({
      code: 0,
      stdout: '{"status":"ok","store":"unreachable"}\n\n',
    });
    expect((await post(url)).status).toBe(200);
    await redis.start();
  });

  it('does not start with a wrong password, and names the store without it', async () => {
    const container = await start(['--upstream', 'http://127.0.0.1:1'], {
      SAMEKEY_STORE: `redis://proxy:wrong-horse@127.0.0.1:${redis.port}`,
    });
    const error = await container.listening.catch((failure: Error) => failure.message);
    expect(error).toContain(`redis://127.0.0.1:${redis.port}: cannot be opened`);
    expect(error).not.toContain('wrong-horse');
  });
});
