/**
 * The bound for what a process holds of responses: one account for all recordings. Above it the largest
 * recordings move to files, sources wait, and new keys are refused before they are sent.
 */
import { afterEvents, inThisRequest } from '../runtime/runtime.js';
import { HttpError } from './errors.js';

/** A file for a part of one response. Nobody else reads it. */
export interface SpillFile {
  /** Writes the chunks one after another from this position on. Rejects if one of them was not written. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /** Resolves to exactly `byteCount` bytes that were written. */
  read(position: number, byteCount: number): Promise<Uint8Array>;
  /** Removes the file. No call follows; a read that is in progress has no taker left. */
  close(): void;
}

/** Where responses go that memory has no room for. */
export interface Spill {
  /** Opens an empty file. Rejects if there is no room, or none can be opened. */
  open(): Promise<SpillFile>;
}

/** What a recording tells the account about itself. */
export interface Spillable {
  /** Whether its source has not ended. */
  readonly isArriving: boolean;
  /** Whether it has readers, and none of them has read all that has arrived. */
  readonly isStalled: boolean;
  /** The chunks in memory, if they may move to a file. */
  readonly movable: readonly Uint8Array[];
  /** The first `chunkCount` chunks in memory are in the file now. Returns `false` if it does not need them there. */
  moved(chunkCount: number, byteCount: number): boolean;
}

/** Above this part of the bound the largest recordings move to files, until memory holds the other part. */
const SPILL_FROM = 3 / 4;
const SPILL_TO = 1 / 2;

/** What one recording holds. Apart from it, so that the account is right after an unread one is collected. */
export class Share {
  readonly #account: HeldBytes;
  readonly found: () => Spillable | undefined;
  /** In memory, and in the file. */
  byteCount = 0;
  fileBytes = 0;
  /** The part of `byteCount` that is being written to the file. */
  movingBytes = 0;
  file: SpillFile | undefined;
  /** Whether its last bytes could not be written. */
  isStuck = false;
  isClosed = false;

  constructor(account: HeldBytes, found: () => Spillable | undefined) {
    this.#account = account;
    this.found = found;
  }

  /** Says how many bytes the recording holds in memory now. */
  set(byteCount: number): void {
    this.#account.change(this, byteCount);
  }

  /** Whether the source of the recording has to wait. */
  get mustWait(): boolean {
    return this.#account.mustWait(this);
  }

  /** Resolves when the source may go on, or is over. */
  room(isOver: () => boolean): Promise<void> {
    return this.#account.room(this, isOver);
  }

  /** A reader has read or has gone: another source may go on. */
  touch(): void {
    this.#account.wake();
  }

  close(): void {
    if (!this.isClosed) this.#account.close(this);
  }
}

/** The account of held bytes. */
export class HeldBytes {
  readonly #maxBytes: number;
  readonly #spill: Spill | undefined;
  /** From the oldest to the newest. */
  readonly #shares = new Set<Share>();
  readonly #collected =
    typeof FinalizationRegistry === 'undefined'
      ? undefined
      : new FinalizationRegistry<Share>((share) => share.close());
  readonly #waiting = new Set<() => void>();
  #isWaking = false;
  #byteCount = 0;
  #movingBytes = 0;
  #reservedBytes = 0;
  #spilledBytes = 0;
  #refusedCount = 0;

  constructor(maxBytes: number, spill: Spill | undefined) {
    this.#maxBytes = maxBytes;
    this.#spill = spill;
  }

  /** In memory. */
  get byteCount(): number {
    return this.#byteCount;
  }

  get spilledBytes(): number {
    return this.#spilledBytes;
  }

  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Returns the error for a key that would be sent now, if there is no room for its response. */
  refusal(key: string): HttpError | undefined {
    // What is on its way to a file makes room.
    if (this.#byteCount - this.#movingBytes <= this.#maxBytes) return undefined;
    this.#refusedCount++;
    return new HttpError(
      'SAMEKEY_OVERLOADED',
      `Cannot send ${key}: the responses in progress hold ${this.#byteCount} bytes, wanted another attempt later, or a larger maxHeldBytes`,
    );
  }

  /** Opens the share of a recording. */
  open(recording: Spillable): Share {
    const share = new Share(this, weakly(recording));
    this.#shares.add(share);
    this.#collected?.register(recording, share, share);
    return share;
  }

  change(share: Share, byteCount: number): void {
    if (share.isClosed) return;
    const isLess = byteCount < share.byteCount;
    this.#byteCount += byteCount - share.byteCount;
    share.byteCount = byteCount;
    if (isLess) this.wake();
    else this.#relieve();
  }

  /**
   * Over the bound, a recording that holds more than an equal part waits. Without a file in progress the
   * oldest one that somebody reads, or that only has to be stored, goes on: so each of them ends.
   */
  mustWait(share: Share): boolean {
    if (this.#byteCount <= this.#maxBytes || share.isClosed) return false;
    if (share.byteCount <= this.#maxBytes / this.#shares.size) return false;
    if (this.#movingBytes > 0) return true;
    for (const each of this.#shares) {
      const recording = each.found();
      if (recording?.isArriving && !recording.isStalled) return each !== share;
    }
    return true;
  }

  async room(share: Share, isOver: () => boolean): Promise<void> {
    // It may have been the oldest until now.
    if (this.mustWait(share)) this.wake();
    while (!isOver() && this.mustWait(share)) await this.#changed();
  }

  /**
   * Resolves when this many bytes can be taken to store a response, and takes them. One response can always
   * be stored. Call the function that it returns when they are free again.
   */
  async reserve(byteCount: number): Promise<() => void> {
    while (this.#reservedBytes > 0 && this.#byteCount + byteCount > this.#maxBytes) {
      await this.#changed();
    }
    this.#reservedBytes += byteCount;
    this.#byteCount += byteCount;
    this.#relieve();
    let isTaken = true;
    return () => {
      if (!isTaken) return;
      isTaken = false;
      this.#reservedBytes -= byteCount;
      this.#byteCount -= byteCount;
      this.wake();
    };
  }

  /** Lets all that wait look again, once for all the events of this turn. */
  wake(): void {
    if (this.#waiting.size === 0 || this.#isWaking) return;
    this.#isWaking = true;
    afterEvents(() => {
      this.#isWaking = false;
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const look of waiting) look();
    });
  }

  close(share: Share): void {
    this.change(share, 0);
    share.isClosed = true;
    this.#shares.delete(share);
    this.#collected?.unregister(share);
    if (share.movingBytes === 0) this.#removeFile(share);
    this.wake();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(inThisRequest(resolve)));
  }

  /** Moves the largest recordings to files. */
  #relieve(): void {
    if (this.#spill === undefined) return;
    if (this.#byteCount - this.#movingBytes <= this.#maxBytes * SPILL_FROM) return;
    while (this.#byteCount - this.#movingBytes > this.#maxBytes * SPILL_TO) {
      const largest = this.#largest();
      if (largest === undefined) return;
      this.#move(largest, this.#spill);
    }
  }

  #largest(): Share | undefined {
    let largest: Share | undefined;
    for (const share of this.#shares) {
      if (share.movingBytes > 0 || share.isStuck || share.byteCount <= (largest?.byteCount ?? 0)) {
        continue;
      }
      if ((share.found()?.movable.length ?? 0) > 0) largest = share;
    }
    return largest;
  }

  async #move(share: Share, spill: Spill): Promise<void> {
    const recording = share.found() as Spillable;
    const chunks = [...recording.movable];
    const { byteCount } = share;
    share.movingBytes = byteCount;
    this.#movingBytes += byteCount;
    try {
      share.file ??= await spill.open();
      await share.file.write(chunks, share.fileBytes);
      let written = 0;
      for (const { length } of chunks) written += length;
      if (!share.isClosed && recording.moved(chunks.length, written)) {
        share.fileBytes += written;
        this.#spilledBytes += written;
      }
    } catch {
      // It stays in memory, which holds a response that was paid for at least as long as this process runs.
      share.isStuck = true;
    }
    share.movingBytes = 0;
    this.#movingBytes -= byteCount;
    if (share.isClosed) this.#removeFile(share);
    this.#relieve();
    this.wake();
  }

  #removeFile(share: Share): void {
    if (share.file === undefined) return;
    share.file.close();
    share.file = undefined;
    this.#spilledBytes -= share.fileBytes;
    share.fileBytes = 0;
    // There is room again.
    for (const each of this.#shares) each.isStuck = false;
  }
}

/** The program may drop a response without reading it. Some platforms have no `WeakRef`. */
export function weakly<T extends object>(held: T): () => T | undefined {
  if (typeof WeakRef === 'undefined') return () => held;
  return derefOf(new WeakRef(held));
}

/** A function of its own, so that its closure does not hold the object. */
const derefOf =
  <T extends object>(reference: WeakRef<T>) =>
  () =>
    reference.deref();
