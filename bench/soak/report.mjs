/** What the soak makes of its samples. */

/**
 * @param {any} before
 * @param {any} after
 * @returns {string[]}
 */
export function grown(before, after) {
  return ['server', 'proxy'].flatMap((name) => {
    const [then, now] = [before[name], after[name]];
    const counts = [
      ...['timers', 'sockets', 'signalListeners', 'files'].map((what) => [
        what,
        then[what],
        now[what],
      ]),
      ...Object.keys(now.listeners).map((each) => [
        `listeners of ${each}`,
        then.listeners[each] ?? 0,
        now.listeners[each],
      ]),
    ];
    return counts
      .filter(([, old, current]) => current > old)
      .map(([what, old, current]) => `${name}: ${old} ${what} before, ${current} after`);
  });
}

/**
 * The slope of the line through points by least squares, in MB per million keys.
 *
 * @param {number[][]} points
 */
export function slopeOf(points) {
  const mean = (/** @type {number} */ at) =>
    points.reduce((sum, point) => sum + (point[at] ?? 0), 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  let product = 0;
  let square = 0;
  for (const [px = 0, py = 0] of points) {
    product += (px - x) * (py - y);
    square += (px - x) ** 2;
  }
  return square === 0 ? undefined : Number((product / square).toPrecision(3));
}

const mb = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(0)} MB`;

/** @param {any} sample */
export function lineOf(sample) {
  const { atS, keys, perSecond, runMs, replayMs, wrong } = sample;
  const heap = sample.serverHeap ? `, heap ${mb(sample.serverHeap)} ${mb(sample.proxyHeap)}` : '';
  return (
    `${atS} s: ${keys} keys, ${perSecond}/s, run ${runMs.join(' ')} ms, replay ${replayMs.join(' ')} ms, ` +
    `server ${mb(sample.serverBytes)}, proxy ${mb(sample.proxyBytes)}${heap}, Redis ${mb(sample.redisBytes)} ` +
    `${sample.redisKeys} keys, files ${sample.serverFiles} ${sample.proxyFiles}, wrong ${wrong}`
  );
}

/** A sample is a line, so that the file stays readable. @param {any} result */
export function jsonOf({ samples: rows, ...rest }) {
  const lines = rows.map((/** @type {any} */ row) => `    ${JSON.stringify(row)}`).join(',\n');
  return `${JSON.stringify(rest, undefined, 2).slice(0, -2)},\n  "samples": [\n${lines}\n  ]\n}`;
}
