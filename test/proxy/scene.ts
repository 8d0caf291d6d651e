import { afterEach } from 'vitest';
import { type Behaviour, startUpstream, type Upstream } from '../servers/upstream.js';
import { type RunningProxy, startProxy } from './program.js';

/** Those of the current test. */
export let upstream: Upstream;
export let proxy: RunningProxy;

/** Stops the upstream and the proxy after each test of a file. */
export function useProxy() {
  afterEach(async () => {
    await proxy?.stop('SIGKILL');
    await upstream?.stop();
  });
}

/** Starts an upstream, and a proxy in front of it. */
export async function start(behave: Behaviour, ...args: string[]): Promise<void> {
  await startBehind(behave);
  await startInFront(args);
}

export async function startBehind(behave: Behaviour): Promise<void> {
  upstream = await startUpstream(behave);
}

/** Starts a proxy in front of the upstream, or of another one. */
export async function startInFront(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
  address = new URL(upstream.url).origin,
): Promise<void> {
  proxy = await startProxy(address, args, env);
}
