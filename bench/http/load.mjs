/**
 * Sends requests over plain sockets and reads the responses. It takes a sixth of the processor time of an
 * HTTP client, so it does not slow the server down on a machine with two cores.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/**
 * @typedef {object} Message one request
 * @property {string} path
 * @property {string} key the `Idempotency-Key`
 * @property {string} body
 */

/** @param {Message} message */
const bytesOf = ({ path, key, body }) =>
  Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
      `idempotency-key: ${key}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );

/**
 * @param {number} port
 * @param {number} count
 */
export async function openConnections(port, count) {
  /** @type {Awaited<ReturnType<typeof open>>[]} */
  const connections = [];
  let left = count;
  const opener = async () => {
    while (left-- > 0) connections.push(await open(port));
  };
  // A server accepts 511 waiting connections by default. Some of thousands take a second to open.
  await Promise.all(Array.from({ length: 400 }, opener));
  return {
    /**
     * Sends the messages, each connection one at a time.
     *
     * @param {Iterable<Message>} messages
     */
    async send(messages) {
      const left = messages[Symbol.iterator]();
      await Promise.all(
        connections.map(async ({ exchange }) => {
          for (let next = left.next(); !next.done; next = left.next()) await exchange(next.value);
        }),
      );
    },
    close() {
      for (const { socket } of connections) socket.destroy();
    },
  };
}

/** @param {number} port */
async function open(port) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  /** @type {{ resolve: (response: string) => void, reject: (error: Error) => void } | undefined} */
  let waiting;
  let received = Buffer.alloc(0);
  const failed = () => waiting?.reject(new Error('Cannot read a response: the server hung up'));
  socket.on('error', failed).on('close', failed);
  socket.on('data', (bytes) => {
    received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
    if (!isWhole(received)) return;
    const response = received;
    received = Buffer.alloc(0);
    if (response.latin1Slice(0, 12) === 'HTTP/1.1 200') waiting?.resolve(response.utf8Slice());
    else
      waiting?.reject(
        new Error(`Cannot use a response: ${response.toString('latin1').slice(0, 400)}`),
      );
  });
  return {
    socket,
    /** @param {Message} message @returns {Promise<string>} */
    exchange: (message) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(bytesOf(message));
      }),
  };
}

/** @param {Buffer} response */
function isWhole(response) {
  const headEnd = response.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const length = /content-length: (\d+)/i.exec(response.latin1Slice(0, headEnd));
  return length
    ? response.length >= headEnd + 4 + Number(length[1])
    : response.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK);
}
