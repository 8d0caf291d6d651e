/**
 * The private members of Node.js that the server relies on. All were checked on Node
 * 20.20, 22.23, 24.21 and 26.10.
 * Without them, a handler would notice too early that its client has disconnected.
 */

/** `socket._httpMessage`: the response that the server writes to a socket. */
export const HTTP_MESSAGE = '_httpMessage';

/** Members of a response that Node sets when the connection closes. `closed` reads `_closed`. */
export const CLOSED_MEMBERS = ['destroyed', '_closed', 'closed'] as const;

/**
 * `_readableState.ended`: whether a stream has received its last chunk, although `end` is not emitted
 * yet. In HTTP/2 the public `complete` becomes true only after `end`.
 */
export const hasReceivedAll = (stream: object) =>
  (stream as { _readableState?: { ended?: boolean } })._readableState?.ended === true;

/**
 * `response.__onFinished`: what the package on-finished 2.3 to 2.4 calls when a response ends. Koa destroys
 * the stream that is a body by it.
 */
export const ON_FINISHED = '__onFinished';
