/** HTTP clients on plain sockets, which take little of the processor time that the servers need. */
import { connect } from 'node:net';

const TIMEOUT_MS = 60_000;

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} outcome the `samekey` header
 * @property {string} body as sent, with the sizes of chunks
 */

/** @typedef {ReturnType<typeof openClient>} Client */

/** @param {number} n */
function requestOf(n) {
  const body = `{"model":"m","messages":[{"role":"user","content":"What is new?"}],"seed":${n}}`;
  return (
    'POST /answers HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n' +
    `idempotency-key: soak-key-${n}\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  );
}

/** Returns a client that keeps a connection to each port, and sends one request at a time. */
export function openClient() {
  /** @type {Map<number, import('node:net').Socket>} */
  const sockets = new Map();
  return {
    /**
     * @param {number} port
     * @param {number} n
     * @returns {Promise<Answer>}
     */
    exchange: (port, n) =>
      new Promise((resolve, reject) => {
        let socket = sockets.get(port);
        if (socket === undefined || socket.destroyed || !socket.writable) {
          socket = connect({ port, host: '127.0.0.1', noDelay: true });
          socket.setTimeout(TIMEOUT_MS);
          sockets.set(port, socket);
        }
        const current = socket;
        let received = '';
        const done = (/** @type {() => void} */ settle) => {
          current.off('data', onData).off('close', onClose).off('error', onClose);
          current.off('timeout', onClose);
          settle();
        };
        const onClose = (/** @type {unknown} */ error) => {
          current.destroy();
          const reason = error instanceof Error ? error.message : 'closed or silent';
          done(() => reject(new Error(`Cannot read the answer of key ${n}: ${reason}`)));
        };
        const onData = (/** @type {Buffer} */ bytes) => {
          received += bytes.latin1Slice();
          const answer = wholeAnswer(received);
          if (answer) done(() => resolve(answer));
        };
        current.on('data', onData).on('close', onClose).on('error', onClose);
        current.on('timeout', onClose);
        current.write(requestOf(n));
      }),
    close() {
      for (const socket of sockets.values()) socket.destroy();
    },
  };
}

/** @param {string} received @returns {Answer | undefined} */
function wholeAnswer(received) {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = received.slice(0, headEnd);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  const isWhole =
    length === undefined
      ? received.endsWith('0\r\n\r\n')
      : received.length >= headEnd + 4 + Number(length);
  if (!isWhole) return undefined;
  return {
    status: Number(received.slice(9, 12)),
    outcome: /\r\nsamekey: (\w+)/i.exec(head)?.[1] ?? '',
    body: received.slice(headEnd + 4),
  };
}

/**
 * Sends a request and disconnects after some milliseconds, whatever has been answered.
 *
 * @param {number} port
 * @param {number} n
 * @param {number} afterMs
 * @returns {Promise<void>}
 */
export const leaveEarly = (port, n, afterMs) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => {}).on('close', () => resolve());
    socket.on('data', () => {});
    socket.write(requestOf(n));
    setTimeout(() => socket.destroy(), afterMs);
  });
