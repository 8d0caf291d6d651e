const CHUNK_BYTES = 256 * 1024;

/**
 * A long stream from one buffer, with a new number at its start before each yield: a reader that keeps
 * a chunk instead of digesting it, or digests one twice, gets a wrong digest.
 *
 * @param {number} byteCount a multiple of 256 KiB
 * @param {() => void} [onChunk]
 */
export async function* chunks(byteCount, onChunk) {
  const chunk = Uint8Array.from({ length: CHUNK_BYTES }, (_, i) => i % 251);
  const number = new DataView(chunk.buffer);
  for (let i = 0; i < byteCount / CHUNK_BYTES; i++) {
    number.setUint32(0, i);
    onChunk?.();
    yield chunk;
  }
}
