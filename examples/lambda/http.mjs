/**
 * A charge over HTTP: `node examples/lambda/http.mjs`
 *
 * A client of an HTTP API sends its order twice at the same time and once more later. Each request is an
 * invocation of its own, with 30 seconds left. It runs offline, on a store in memory.
 */
import { lambdaIdempotency } from 'samekey/lambda';
import { memoryStore } from 'samekey/store/memory';

const billed = [];
/** What would be deployed, without samekey. */
async function charge(event) {
  const { order, amount } = JSON.parse(event.body);
  billed.push(amount);
  await new Promise((resolve) => setTimeout(resolve, 100));
  return { statusCode: 201, body: JSON.stringify({ order, charge: billed.length }) };
}

/** An event of API Gateway, in format 2.0. */
const event = {
  version: '2.0',
  rawPath: '/charges',
  rawQueryString: '',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'order-7' },
  requestContext: { http: { method: 'POST', path: '/charges' } },
  body: '{"order":7,"amount":20}',
  isBase64Encoded: false,
};

const handlers = {
  'without samekey:': charge,
  'with samekey:   ': lambdaIdempotency(charge, { store: memoryStore(), required: true }),
};
for (const [name, handler] of Object.entries(handlers)) {
  billed.length = 0;
  const invoke = () => {
    const endsAt = Date.now() + 30_000;
    return handler(event, { getRemainingTimeInMillis: () => endsAt - Date.now() });
  };
  const answers = [...(await Promise.all([invoke(), invoke()])), await invoke()];
  const charges = new Set(answers.map(({ body }) => JSON.parse(body).charge));
  const total = billed.reduce((sum, amount) => sum + amount, 0);
  console.log(
    `${name} billed ${total} EUR, the client was told of charge ${[...charges].join(', ')}`,
  );
}
