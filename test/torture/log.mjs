import { openSync, writeSync } from 'node:fs';

/** The monotonic clock of the machine, the same in every process. */
export const clockMs = () => Number(process.hrtime.bigint()) / 1e6;

/** Writes each event to a file at once, so that it survives the process. */
export function writerTo(path, name) {
  const file = openSync(path, 'a');
  return (event) =>
    writeSync(file, `${JSON.stringify({ at: clockMs(), process: name, ...event })}\n`);
}
