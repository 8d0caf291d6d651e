import { once } from 'node:events';
import { CliError, EXIT } from './exit-codes.js';

/** Writes to standard output, and waits where its reader is slower. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** The same for bytes; resolves when nothing of them is left to be written. */
export function printAll(bytes: Uint8Array): Promise<void> {
  // An error ends the program, see below.
  return new Promise((resolve) => process.stdout.write(bytes, () => resolve()));
}

/** Calls `end` when what is printed cannot be written. */
export function watchOutput(end: (error: CliError | undefined) => void): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    end(
      error.code === 'EPIPE'
        ? undefined
        : new CliError(EXIT.unreadable, `standard output: cannot be written (${error.code})`),
    );
  });
  // There is nobody left to tell.
  process.stderr.on('error', () => {});
}
