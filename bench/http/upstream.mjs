/** A server for the benchmark of fetch: `/stream` sends events, any other path answers at once. */
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const EVENTS = 40;
const EVENT_MS = 5;

const server = createServer(async (request, response) => {
  for await (const _ of request);
  if (request.url === '/stream') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let n = 0; n < EVENTS; n++) {
      await sleep(EVENT_MS);
      // The time of sending, by the clock that all processes of a machine share.
      response.write(`data: {"n":${n},"sentAtNs":${process.hrtime.bigint()}}\n\n`);
    }
    return response.end('data: [DONE]\n\n');
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
});
server.listen(0, '127.0.0.1', () => process.send?.(server.address()));
process.on('disconnect', () => process.exit());
