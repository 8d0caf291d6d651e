import { randomBytes } from 'node:crypto';
import { constants, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Spill, SpillFile } from '../response/held-bytes.js';

export interface SpillFilesOptions {
  /** The most bytes of all files together. */
  readonly maxBytes: number;
  /** Called when bytes stay in memory because they cannot be written. */
  onError(error: unknown): void;
}

/**
 * Keeps parts of responses in files in the folder for temporary files (`TMPDIR`). Only this user may read
 * a file, and it has no name: it goes with the process, however that ends. On a file system without
 * unnamed files it has one while it is opened.
 */
export class SpillFiles implements Spill {
  readonly #options: SpillFilesOptions;
  #byteCount = 0;

  constructor(options: SpillFilesOptions) {
    this.#options = options;
  }

  async open(): Promise<SpillFile> {
    try {
      return this.#fileOf(await openUnnamed());
    } catch (error) {
      this.#options.onError(error);
      throw error;
    }
  }

  #fileOf({ handle, remove }: Unnamed): SpillFile {
    let ownBytes = 0;
    return {
      write: async (chunks, position) => {
        let byteCount = 0;
        for (const { length } of chunks) byteCount += length;
        try {
          this.#take(byteCount);
          await writeAll(handle, chunks, position, byteCount);
          ownBytes += byteCount;
        } catch (error) {
          this.#byteCount -= byteCount;
          this.#options.onError(error);
          throw error;
        }
      },
      async read(position, byteCount) {
        const bytes = new Uint8Array(byteCount);
        for (let at = 0; at < byteCount; ) {
          const { bytesRead } = await handle.read(bytes, at, byteCount - at, position + at);
          if (bytesRead === 0) throw new Error('the file is shorter than what was written to it');
          at += bytesRead;
        }
        return bytes;
      },
      close: () => {
        this.#byteCount -= ownBytes;
        handle
          .close()
          .then(remove)
          .catch(() => {});
      },
    };
  }

  #take(byteCount: number): void {
    const { maxBytes } = this.#options;
    this.#byteCount += byteCount;
    if (this.#byteCount > maxBytes) {
      throw new Error(`the files would have more than ${maxBytes} bytes (--max-spill)`);
    }
  }
}

interface Unnamed {
  readonly handle: FileHandle;
  /** Removes the name, on a system where an open file needs one. */
  remove(): void;
}

/** `O_TMPFILE` of Linux: a file that never has a name, so it also goes if the process is killed now. */
const UNNAMED = 0o20000000 | constants.O_DIRECTORY | constants.O_RDWR;

async function openUnnamed(): Promise<Unnamed> {
  if (process.platform === 'linux') {
    const handle = await open(tmpdir(), UNNAMED, 0o600).catch(() => undefined);
    if (handle !== undefined) return { handle, remove() {} };
  }
  const path = join(tmpdir(), `samekey-${randomBytes(16).toString('hex')}`);
  // Its name is new: no link of another user leads anywhere.
  const handle = await open(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    return { handle, remove() {} };
  } catch {
    return { handle, remove: () => unlinkSync(path) };
  }
}

/** Writes in pieces, so that the chunks need no second copy of the size of all. */
async function writeAll(
  handle: FileHandle,
  chunks: readonly Uint8Array[],
  position: number,
  byteCount: number,
): Promise<void> {
  let written = 0;
  for (let at = 0; at < chunks.length; at += CHUNKS_PER_WRITE) {
    const some = chunks.slice(at, at + CHUNKS_PER_WRITE);
    let someBytes = 0;
    for (const { length } of some) someBytes += length;
    const { bytesWritten } = await handle.writev(some, position + written);
    // A full disk may take a part.
    if (bytesWritten !== someBytes) {
      throw new Error(`only ${written + bytesWritten} of ${byteCount} bytes could be written`);
    }
    written += bytesWritten;
  }
}

/** Systems take 1024 at once. */
const CHUNKS_PER_WRITE = 256;
