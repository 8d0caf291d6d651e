import { joinChunks } from './chunks.js';

/** Each chunk takes some hundred bytes of memory beside its content, which may be a single byte. */
const MAX_CHUNKS = 4096;

/** The bytes of a body while it arrives. Their memory does not depend on the size of their pieces. */
export class CollectedBytes {
  readonly #joined: Uint8Array[] = [];
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #joinedBytes = 0;

  get byteCount(): number {
    return this.#joinedBytes + this.#chunkBytes;
  }

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    if (this.#chunks.length === MAX_CHUNKS) this.#join();
  }

  /** Returns all of them. A single chunk is not copied. */
  whole(): Uint8Array {
    return joinChunks([...this.#joined, ...this.#chunks], this.byteCount);
  }

  #join(): void {
    this.#joined.push(joinChunks(this.#chunks, this.#chunkBytes));
    this.#joinedBytes += this.#chunkBytes;
    this.#chunks = [];
    this.#chunkBytes = 0;
  }
}
