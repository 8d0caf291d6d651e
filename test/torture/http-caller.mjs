import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './seeded.mjs';

/** Sends requests to proxies or servers, and hangs up on some of them. */
export function httpCaller({ at, seed, write }) {
  const next = random(seed);
  return {
    async call(_, { key }, { audit }) {
      const index = Math.floor(next() * at.urls.length);
      const hangUp = new AbortController();
      const hangsUp = !audit && next() < 0.2;
      if (hangsUp) sleep(next() * 200).then(() => hangUp.abort());
      const tooLong = setTimeout(() => {
        write({ type: 'told', what: `no answer of server ${index}${hangsUp ? ', hung up' : ''}` });
      }, NO_ANSWER_MS);
      const response = await fetch(at.urls[index], {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'idempotency-key': key,
          // A provider cannot see which proxy asks it.
          'x-sent-to': String(index),
        },
        body: JSON.stringify({ key }),
        signal: hangUp.signal,
      })
        .catch(said)
        .finally(() => clearTimeout(tooLong));
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

/** A server that is alive answers sooner: at the latest, after `waitMs`, that it is still at it. */
const NO_ANSWER_MS = 14_000;

/** Throws what came of the connection in a few words. */
function said({ name }) {
  const code = name === 'AbortError' ? 'the client hung up' : 'the connection broke';
  throw Object.assign(new Error(), { code });
}
