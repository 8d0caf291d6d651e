import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './seeded.mjs';

/** A live server answers sooner: after `waitMs` at the latest, with 409. */
const NO_ANSWER_MS = 14_000;

/** Sends requests to proxies or servers, and disconnects from some of them. */
export function httpCaller({ at, seed, write }) {
  const next = random(seed);
  const agent = new Agent({ keepAlive: true });
  return {
    async call(_, { key }, { audit }) {
      const index = Math.floor(next() * at.urls.length);
      const hangUp = new AbortController();
      const hangsUp = !audit && next() < 0.2;
      if (hangsUp) sleep(next() * 200).then(() => hangUp.abort());
      const what = `no answer of server ${index}${hangsUp ? ', hung up' : ''}`;
      const tooLong = setTimeout(() => write({ type: 'told', what }), NO_ANSWER_MS);
      const { status, outcome, body } = await post(at.urls[index], key, index, agent, hangUp.signal)
        .catch(said)
        .finally(() => clearTimeout(tooLong));
      if (status !== 200) {
        throw Object.assign(new Error(), { code: `${status} ${body.code ?? ''}`.trim() });
      }
      // A request that joins in the owner's process is answered before the store confirms.
      const layer = outcome === 'replayed' ? 'store' : 'process';
      return { outcome, layer, run: body.run, ofKey: body.key };
    },
  };
}

/** Without `fetch`, which may never settle if a server closes the connection at once. */
function post(url, key, index, agent, signal) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': key,
      // A provider cannot see which proxy calls it.
      'x-sent-to': String(index),
    };
    const sent = request(url, { method: 'POST', headers, agent, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('close', () => reject(new Error('closed')));
      response.on('end', () => {
        const { statusCode: status, headers: received } = response;
        resolve({ status, outcome: received.samekey, body: JSON.parse(text) });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ key }));
  });
}

/** Throws a short description of the connection's failure. */
function said({ name }) {
  const code = name === 'AbortError' ? 'the client hung up' : 'the connection broke';
  throw Object.assign(new Error(), { code });
}
