import { once } from 'node:events';
import { CliError, EXIT } from './exit-codes.js';

/** Writes to standard output, and waits for a slow reader. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Writes bytes to standard output. Resolves when all of them are written. */
export function printAll(bytes: Uint8Array): Promise<void> {
  // `watchOutput` handles errors.
  return new Promise((resolve) => process.stdout.write(bytes, () => resolve()));
}

/** Calls `end` when standard output cannot be written: without an error after a broken pipe. */
export function watchOutput(end: (error: CliError | undefined) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    end(
      error.code === 'EPIPE'
        ? undefined
        : new CliError(EXIT.unreadable, `standard output: cannot be written (${error.code})`),
    );
  });
  // An error of standard error cannot be reported anywhere.
  process.stderr.on('error', () => {});
}
