import { openSync, writeSync } from 'node:fs';

/** The machine's clock since it started: the same in every process, and nobody can set it. */
export const clockMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Writes events to a file, each at once: what was written is there whatever happens next. */
export function writerTo(path, name) {
  const file = openSync(path, 'a');
  return (event) =>
    writeSync(file, `${JSON.stringify({ at: clockMs(), process: name, ...event })}\n`);
}
