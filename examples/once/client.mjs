/** A client that fails and retries as the SDKs of OpenAI and Anthropic do. */
import { setTimeout as sleep } from 'node:timers/promises';

/** The statuses that the SDKs retry, twice by default. They also retry when there is no response. */
const RETRIED = [408, 409, 429];

/** @param {string} url of the provider */
export function createClient(url) {
  async function create(request, { maxRetries = 2, timeoutMs = 5000, metadata, signal } = {}) {
    for (let retriesLeft = maxRetries; ; retriesLeft--) {
      try {
        return await attempt({ ...request, metadata }, timeoutMs, signal);
      } catch (error) {
        const isRetried = !error.status || error.status >= 500 || RETRIED.includes(error.status);
        if (!isRetried || retriesLeft === 0 || signal?.aborted) throw error;
        await sleep(error.retryAfterMs ?? 20);
      }
    }
  }

  async function attempt(request, timeoutMs, signal) {
    const timeout = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify(request),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    if (response.ok) return await response.json();
    throw Object.assign(new Error(`HTTP ${response.status}`), {
      status: response.status,
      retryAfterMs: Number(response.headers.get('retry-after-ms') ?? 20),
    });
  }

  /** Returns the answer to the request with this key in its metadata, if its work was done. */
  async function find(key) {
    const response = await fetch(`${url}/v1/answers/${key}`);
    return response.ok ? await response.json() : undefined;
  }

  return { create, find };
}
