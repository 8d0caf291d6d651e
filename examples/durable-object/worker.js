import { env } from 'cloudflare:workers';
import { keyOf } from 'samekey';
import { createOnce } from 'samekey/once';
import { durableObjectStore } from 'samekey/store/durable-object';

// The class of the objects that keep the records. `wrangler.jsonc` names it.
export { SamekeyObject } from 'samekey/store/durable-object';

const once = createOnce({ store: durableObjectStore({ namespace: env.SAMEKEY, shards: 4 }) });

/** Asks a model, which bills every call. */
async function summarize(order, signal) {
  const response = await fetch(`${env.UPSTREAM}/v1/summaries`, {
    method: 'POST',
    body: JSON.stringify(order),
    signal,
  });
  if (!response.ok) throw new Error(`the model answered ${response.status}`);
  return response.json();
}

export default {
  async fetch(request, _env, context) {
    const { pathname } = new URL(request.url);
    const order = await request.json();
    if (pathname === '/unprotected/summaries') return Response.json(await summarize(order));
    const result = once.detailed(keyOf(order), ({ signal }) => summarize(order, signal));
    // The run ends, and its result is kept, even if this client disconnects.
    context.waitUntil(result.catch(() => {}));
    const { value, outcome } = await result;
    return Response.json(value, { headers: { samekey: outcome } });
  },
};
