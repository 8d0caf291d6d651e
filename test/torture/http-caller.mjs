import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './seeded.mjs';

/** Sends requests to proxies or servers, and hangs up on some of them. */
export function httpCaller({ at, seed }) {
  const next = random(seed);
  return {
    async call(_, { key }, { audit }) {
      const url = at.urls[Math.floor(next() * at.urls.length)];
      const hangUp = new AbortController();
      if (!audit && next() < 0.2) sleep(next() * 200).then(() => hangUp.abort());
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ key }),
        signal: hangUp.signal,
      }).catch(said);
      const body = await response.json().catch(said);
      if (response.status !== 200) {
        throw Object.assign(new Error(), { code: `${response.status} ${body.code ?? ''}`.trim() });
      }
      const outcome = response.headers.get('samekey');
      return {
        outcome,
        layer: outcome === 'executed' ? 'process' : 'store',
        run: body.run,
        ofKey: body.key,
      };
    },
  };
}

/** Throws what came of the connection in a few words. */
function said({ name }) {
  const code = name === 'AbortError' ? 'the client hung up' : 'the connection broke';
  throw Object.assign(new Error(), { code });
}
