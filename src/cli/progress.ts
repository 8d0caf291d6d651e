import { SingleBar } from 'cli-progress';
import { byteSize } from '../text/byte-size.js';
import { counted } from '../text/counted.js';
import { duration } from '../text/duration.js';
import { cut } from './terminal.js';

/** A shorter run shows no bar. */
const DELAY_MS = 250;
const BAR_COLUMNS = 24;

const roundedUp = (seconds: number) => duration(Math.ceil(seconds) * 1000);

interface State {
  readonly byteCount: number;
  /** `undefined` for a pipe. */
  readonly totalBytes: number | undefined;
  readonly keyCount: number;
  readonly seconds: number;
  readonly isDone: boolean;
}

/** Returns `=====-----  43%  55 MB of 128 MB  21 MB/s  4 s left`, or a shorter line without a total. */
export function progressLine(state: State): string {
  const { byteCount, totalBytes, keyCount, seconds, isDone } = state;
  const bytesPerSecond = byteCount / Math.max(seconds, 0.001);
  const rate = `${byteSize(bytesPerSecond)}/s`;
  const time = isDone ? `in ${roundedUp(seconds)}` : '';
  if (totalBytes === undefined || totalBytes === 0) {
    return [byteSize(byteCount), counted(keyCount, 'line'), rate, time].join('  ').trimEnd();
  }
  // A file may grow while it is read.
  const share = Math.min(byteCount / totalBytes, 1);
  const done = Math.floor(share * BAR_COLUMNS);
  const left = Math.max(totalBytes - byteCount, 0) / Math.max(bytesPerSecond, 1);
  return [
    `${'='.repeat(done)}${'-'.repeat(BAR_COLUMNS - done)} ${`${Math.floor(share * 100)}%`.padStart(4)}`,
    `${byteSize(byteCount)} of ${byteSize(totalBytes)}`,
    rate,
    byteCount === 0 || isDone ? time : `${roundedUp(left)} left`,
  ]
    .join('  ')
    .trimEnd();
}

const CLEAR_LINE = '\r\x1b[K';
/** Saving and restoring the cursor fails once lines were printed above the bar. */
const CURSOR_CODES = new Set(['\x1b7', '\x1b8']);

/** The stream without the codes that save and restore the cursor. */
function withoutCursorCodes(stream: NodeJS.WriteStream): NodeJS.WriteStream {
  const write = (text: string) => CURSOR_CODES.has(text) || stream.write(text);
  return Object.create(stream, { write: { value: write } });
}

/** A progress bar on standard error. It shows nothing in a pipe. */
export class Progress {
  readonly #totalBytes: number | undefined;
  readonly #startMs = performance.now();
  readonly #bar: SingleBar | undefined;
  #byteCount = 0;
  #keyCount = 0;
  #state: 'waiting' | 'shown' | 'done' = 'waiting';

  constructor(totalBytes: number | undefined) {
    this.#totalBytes = totalBytes;
    const { stderr } = process;
    if (!stderr.isTTY) return;
    this.#bar = new SingleBar({
      stream: withoutCursorCodes(stderr),
      format: () => cut(this.#line(), (stderr.columns || 80) - 1),
      // The bar cuts long lines itself. `false` would change a setting of the terminal.
      linewrap: true,
      // Other lines may have overwritten the bar.
      forceRedraw: true,
    });
  }

  #line(): string {
    return progressLine({
      byteCount: this.#byteCount,
      totalBytes: this.#totalBytes,
      keyCount: this.#keyCount,
      seconds: (performance.now() - this.#startMs) / 1000,
      isDone: this.#state === 'done',
    });
  }

  update(byteCount: number, keyCount: number): void {
    this.#byteCount = byteCount;
    this.#keyCount = keyCount;
    if (this.#state === 'shown') {
      this.#bar?.update(byteCount);
    } else if (this.#bar !== undefined && performance.now() - this.#startMs > DELAY_MS) {
      this.#state = 'shown';
      this.#bar.start(this.#totalBytes ?? 0, byteCount);
    }
  }

  /** Clears the bar before other lines are printed. The next update shows it again. */
  hide(): void {
    if (this.#state === 'shown') process.stderr.write(CLEAR_LINE);
  }

  /** Ends the bar. If it was shown, its last state stays on the terminal. */
  end(): void {
    const wasShown = this.#state === 'shown';
    this.#state = 'done';
    if (wasShown) this.#bar?.stop();
  }
}
