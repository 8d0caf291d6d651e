/** The prelude of a message of `application/vnd.amazon.eventstream`: two lengths and their checksum. */
const PRELUDE_BYTES = 12;
/** The checksum of the whole message, at its end. */
const CHECKSUM_BYTES = 4;

/**
 * Yields the payloads of a stream of Amazon's messages, the format of Bedrock's streams. A message is
 * its length, the length of its headers, a checksum, the headers, the payload and a checksum. The
 * checksums are not verified: the client that used the answer did that. Stops at the first bytes that
 * are not a message.
 */
export function* eventPayloads(stream: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  for (let at = 0; at + PRELUDE_BYTES + CHECKSUM_BYTES <= stream.length; ) {
    const messageBytes = view.getUint32(at);
    const payloadAt = at + PRELUDE_BYTES + view.getUint32(at + 4);
    const payloadEnd = at + messageBytes - CHECKSUM_BYTES;
    if (payloadEnd < payloadAt || at + messageBytes > stream.length) return;
    yield stream.subarray(payloadAt, payloadEnd);
    at += messageBytes;
  }
}
