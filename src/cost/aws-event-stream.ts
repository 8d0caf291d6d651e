/** Of `application/vnd.amazon.eventstream`: two lengths and their checksum, before each message. */
const PRELUDE_BYTES = 12;
/** And the checksum of the whole behind it. */
const CHECKSUM_BYTES = 4;

/**
 * The payloads of a stream of Amazon's messages, in which Bedrock answers: each message is its length,
 * the length of its headers, a checksum, the headers, the payload, a checksum. Whoever used the
 * answer has checked the sums; here only counts are read. Ends where something else begins.
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
