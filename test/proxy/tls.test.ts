import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith } from '../servers/process.js';
import { startProxy } from './program.js';

const hasOpenssl = spawnSync('openssl', ['version'], { stdio: 'ignore' }).status === 0;

describeWith('openssl', hasOpenssl, 'an upstream behind TLS', () => {
  it('receives requests if its certificate is trusted, and nothing otherwise', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'samekey-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    execFileSync('openssl', [...args, ...name, '-keyout', key, '-out', cert, '-days', '2'], {
      stdio: 'ignore',
    });
    const seen: (string | undefined)[] = [];
    const server = createServer(
      { key: readFileSync(key), cert: readFileSync(cert) },
      (request, response) => {
        seen.push(request.headers.authorization);
        response.end('{"a":1}');
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const upstream = `https://localhost:${(server.address() as AddressInfo).port}`;
    const ask = (url: string, method: string) =>
      fetch(`${url}/v1`, { method, headers: { authorization: 'Bearer a' } });
    const trusting = await startProxy(upstream, [], { NODE_EXTRA_CA_CERTS: cert });
    const distrusting = await startProxy(upstream);
    try {
      for (const method of ['POST', 'GET']) {
        expect(await (await ask(trusting.url, method)).text()).toBe('{"a":1}');
        const refused = await ask(distrusting.url, method);
        expect(refused.status).toBe(502);
        const { code, detail } = await refused.json();
        expect(code).toBe('SAMEKEY_UPSTREAM');
        expect(detail).toMatch(
          /^Cannot reach localhost:\d+: self-signed certificate; nothing was sent/,
        );
      }
      expect(seen).toEqual(['Bearer a', 'Bearer a']);
    } finally {
      await Promise.all([trusting.stop(), distrusting.stop()]);
      server.closeAllConnections();
      server.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
