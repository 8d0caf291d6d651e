import { type Logger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The largest amount of unwritten lines in memory. Further lines are dropped. */
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

/** How long the process waits at its end until the last lines are read. */
const END_MS = 1000;

/** A log as JSON Lines. A slow reader of the log does not slow down the proxy. */
export interface ProxyLog extends Logger {
  /** Writes the remaining lines before the process ends. Resolves even if the log is not read. */
  end(): Promise<void>;
}

/**
 * Returns a log on standard output. Each call names the members of its line one by one. Headers,
 * bodies and queries are never logged: they may contain credentials.
 */
export function createLog(level: LogLevel): ProxyLog {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    maxLength: MAX_UNWRITTEN_BYTES,
  });
  // The proxy answers requests even if its log can no longer be written.
  destination.on('error', () => {});
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return Object.assign(log, {
    end(): Promise<void> {
      log.level = 'silent';
      return new Promise((resolve) => {
        // Pino itself would wait for a reader without a limit, and would write lines out of order.
        const timer = setTimeout(() => destination.destroy(), END_MS);
        destination.on('close', () => {
          clearTimeout(timer);
          resolve();
        });
        destination.end();
      });
    },
  });
}

/** The trace id in a `traceparent` (W3C Trace Context §3.2). */
export const traceIdOf = (traceparent: string | undefined) =>
  /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/.exec(traceparent ?? '')?.[1];

export const messageOf = (error: unknown) =>
  error instanceof Error ? error.message : String(error);

/** Messages of these errors quote what the client has sent. */
const QUOTING: ReadonlySet<unknown> = new Set(['SAMEKEY_BAD_KEY', 'SAMEKEY_REFUSED']);

/** Returns the message of an error of a request without what it quotes: its client reads that, not the log. */
export function loggedMessageOf(error: unknown): string {
  const message = messageOf(error);
  if (!QUOTING.has((error as { code?: unknown } | undefined)?.code)) return message;
  // A quotation without an end reaches to the end, so that no part of the text is read twice.
  return message.replaceAll(/"(?:[^"\\]|\\[\s\S])*(?:"…?|\\?$)/g, '…');
}
