import { type Logger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** What is kept of lines that whoever reads them has not taken yet; more are dropped. */
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

/** How long the last lines wait for whoever reads them. */
const END_MS = 1000;

/** A log of JSON lines, which nobody who reads it slowly holds the proxy up by. */
export interface ProxyLog extends Logger {
  /** Resolves when what is left is written, before the end of the process, or nobody takes it. */
  end(): Promise<void>;
}

/**
 * Returns a log on standard output. What goes into a line is said where it is written, member by
 * member: no headers, no bodies, no queries, in which there are credentials, too.
 */
export function createLog(level: LogLevel): ProxyLog {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    maxLength: MAX_UNWRITTEN_BYTES,
  });
  // Nobody reads it any longer; the requests are still to be answered.
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
        // Pino itself would wait for a reader without end, and write past what is being written.
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
