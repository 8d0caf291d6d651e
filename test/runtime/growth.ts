/**
 * The most that eight times as much may take, of a cost that is linear: eight times as long, and what the
 * machine adds. A quadratic cost is 64 times as high.
 */
export const LINEAR_BOUND = 28;

/** The CPU time of this process: other processes do not change it, unlike the time on a clock. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * How much longer `read` takes for `times` as much: the best of several runs each, in turn, so that what
 * else the machine does slows both down or neither.
 */
export function growth(
  make: (count: number) => string | Uint8Array,
  count: number,
  read: (bytes: Uint8Array) => unknown,
  { times = 8, runs = 6 } = {},
): number {
  const inputs = [count, times * count].map((each) => Buffer.from(make(each)));
  const best = inputs.map(() => Number.POSITIVE_INFINITY) as [number, number];
  for (let run = 0; run < runs; run++) {
    for (const [i, bytes] of inputs.entries()) {
      const startMs = cpuMs();
      read(bytes);
      best[i as 0 | 1] = Math.min(best[i as 0 | 1], cpuMs() - startMs);
    }
  }
  // Less than 50 µs is too short to be measured.
  return best[1] / Math.max(best[0], 0.05);
}
