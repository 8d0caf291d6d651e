import { once } from 'node:events';
import { CliError, EXIT } from './exit-codes.js';

/** Writes to standard output, and waits where its reader is slower. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
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
