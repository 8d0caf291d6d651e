/** Runs one scenario in several ways, each with its own provider, and prints how many calls that saw. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProvider } from '../provider/provider.mjs';

/**
 * @typedef {Awaited<ReturnType<typeof startProvider>>} Provider
 *
 * @param {readonly import('../provider/moods.mjs').Mood[]} moods of the provider
 * @param {Record<string, (url: string, folder: string, provider: Provider) => Promise<unknown>>} ways
 *   by the text printed before the figures; each gets an empty folder, which is deleted afterwards
 */
export async function compare(moods, ways) {
  const width = Math.max(...Object.keys(ways).map((name) => name.length));
  for (const [name, way] of Object.entries(ways)) {
    const provider = await startProvider({ moods, workMs: 50 });
    const folder = await mkdtemp(join(tmpdir(), 'samekey-example-'));
    try {
      await way(provider.url, folder, provider);
      console.log(`${name.padEnd(width)} ${provider.summary()}`);
    } finally {
      provider.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }
}
