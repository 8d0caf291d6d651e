// An API that does the work of each request once:  bun run server.js
import { identities, keyOfJson } from 'samekey';

/** In production: a table with a unique index on the key. */
const results = new Map();
let count = 0;

const work = async (order) => ({ receipt: ++count, order });

const server = Bun.serve({
  port: process.env.PORT ?? 3000,
  async fetch(request) {
    const body = await request.text();
    let key;
    try {
      key = keyOfJson(body, identities.volatile);
    } catch ({ code, message }) {
      return Response.json({ code, message }, { status: 400 });
    }
    // Stores the promise, not its result: a retry that arrives before its end waits for the same work.
    if (!results.has(key)) results.set(key, work(JSON.parse(body)));
    return Response.json(await results.get(key), { headers: { 'Idempotency-Key': key } });
  },
});
console.log(`listening on ${server.url}`);
