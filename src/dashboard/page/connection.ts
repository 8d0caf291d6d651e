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
 * Receives messages until the page is closed. A connection that ends is opened again: by the browser,
 * or here where a browser gives up, as after a status other than 200, and where the server is silent.
 */
export class Connection {
  readonly #events: ConnectionEvents;
  #reason: string | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(events: ConnectionEvents) {
    this.#events = events;
    void this.#start();
  }

  async #start(): Promise<void> {
    try {
      this.#events.onOverview(await fetchOverview());
      this.#listen();
    } catch (error) {
      this.#retry((error as ServerFault).message);
    }
  }

  #listen(): void {
    const source = new EventSource('api/live');
    let isFirst = true;
    let isInterrupted = false;
    const expectMessage = () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => {
        source.close();
        this.#retry(NO_CONNECTION);
      }, SILENT_MS);
    };
    source.addEventListener('open', () => {
      isFirst = true;
      expectMessage();
      if (isInterrupted) void this.#refreshOverview();
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
      if (source.readyState === EventSource.CLOSED) void this.#retryRefused();
      else this.#lose(NO_CONNECTION);
    });
    expectMessage();
  }

  #lose(reason: string): void {
    if (reason !== this.#reason) this.#events.onLost(reason);
    this.#reason = reason;
  }

  #retry(reason: string): void {
    this.#lose(reason);
    setTimeout(() => void this.#start(), RETRY_MS);
  }

  /** An `EventSource` does not say why the server refuses it. */
  async #retryRefused(): Promise<void> {
    this.#retry((await refusalOf('api/live')) ?? NO_CONNECTION);
  }

  async #refreshOverview(): Promise<void> {
    try {
      this.#events.onOverview(await fetchOverview());
    } catch {
      // The connection has ended again, and its error says so.
    }
  }
}
