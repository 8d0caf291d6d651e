import type { LiveMessage, Overview } from '../messages.js';
import { fetchOverview, refusalOf, type ServerFault } from './server-api.js';

/** How long to wait after the browser has given up to connect. */
const RETRY_MS = 2000;

/** The server sends a message every 5 seconds at least. */
const SILENT_MS = 20_000;

const NO_CONNECTION = 'No connection to the server of the dashboard';

export interface ConnectionEvents {
  /** Called again after each interruption, because the server may be another one. */
  onOverview(overview: Overview): void;
  /** `isFirst`: the message has all buckets. */
  onMessage(message: LiveMessage, isFirst: boolean): void;
  onLive(): void;
  /** Called once for each reason, until `onLive`. */
  onLost(reason: string): void;
}

/**
 * Receives messages while the page is visible. A connection that ends is opened again: by the browser,
 * or here where a browser gives up, as after a status other than 200, and where the server is silent.
 *
 * A hidden tab has no connection. Over HTTP/1.1 a browser opens six to one server, for all tabs together:
 * six tabs that kept theirs would leave none for any request.
 */
export class Connection {
  readonly #events: ConnectionEvents;
  #reason: string | undefined;
  #source: EventSource | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  /** Aborted when the page is hidden. */
  #visible = new AbortController();

  constructor(events: ConnectionEvents) {
    this.#events = events;
    document.addEventListener('visibilitychange', () => this.#followVisibility());
    this.#followVisibility();
  }

  #followVisibility(): void {
    this.#visible.abort();
    this.#source?.close();
    clearTimeout(this.#silence);
    if (document.hidden) return;
    this.#visible = new AbortController();
    void this.#start(this.#visible.signal);
  }

  async #start(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    try {
      const overview = await fetchOverview(signal);
      if (signal.aborted) return;
      this.#events.onOverview(overview);
      this.#listen(signal);
    } catch (error) {
      this.#retry((error as ServerFault).message, signal);
    }
  }

  #listen(signal: AbortSignal): void {
    const source = new EventSource('api/live');
    this.#source = source;
    let isFirst = true;
    let isInterrupted = false;
    const expectMessage = () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => {
        source.close();
        this.#retry(NO_CONNECTION, signal);
      }, SILENT_MS);
    };
    source.addEventListener('open', () => {
      isFirst = true;
      expectMessage();
      if (isInterrupted) void this.#refreshOverview(signal);
      isInterrupted = false;
    });
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      expectMessage();
      this.#events.onMessage(JSON.parse(data), isFirst);
      isFirst = false;
      this.#reason = undefined;
      this.#events.onLive();
    });
    source.addEventListener('error', () => {
      isInterrupted = true;
      clearTimeout(this.#silence);
      if (source.readyState === EventSource.CLOSED) void this.#retryRefused(signal);
      else this.#lose(NO_CONNECTION);
    });
    expectMessage();
  }

  #lose(reason: string): void {
    if (reason !== this.#reason) this.#events.onLost(reason);
    this.#reason = reason;
  }

  #retry(reason: string, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#lose(reason);
    setTimeout(() => void this.#start(signal), RETRY_MS);
  }

  /** An `EventSource` does not say why the server refuses it. */
  async #retryRefused(signal: AbortSignal): Promise<void> {
    this.#retry((await refusalOf('api/live')) ?? NO_CONNECTION, signal);
  }

  async #refreshOverview(signal: AbortSignal): Promise<void> {
    try {
      this.#events.onOverview(await fetchOverview(signal));
    } catch {
      // The connection has ended again, and its error says so.
    }
  }
}
