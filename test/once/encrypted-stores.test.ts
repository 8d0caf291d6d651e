import { expect, it } from 'vitest';
import { randomKey } from '../../src/index.js';
import { part } from '../depth.js';
import { isOf, onStores, STORES } from './stores.js';
import type { Answers, Worker } from './workers.js';

const OLD = { id: 'old', key: Buffer.alloc(32, 1).toString('base64') };
const NEW = { id: 'new', key: Buffer.alloc(32, 2).toString('base64') };
/** Parts of the plaintext that are too long to occur in random bytes. */
const PLAIN = /fencingToken|"text"|é\u2028é/;

const refused = (code: string) => [JSON.stringify({ error: code })];

onStores(part(STORES, isOf('redis', 'lmdb', 'sqlite')), 'encrypted results', (crewOf) => {
  it('are replayed in every process that has the key, and the store has nothing of them', async () => {
    const crew = crewOf();
    const { log } = crew;
    const key = randomKey();
    const encryption = { keys: [OLD] };
    const owner = await crew.start({ options: { encryption } });
    const [first] = (await owner.call({ key, log, callers: 10 })).answers as [string];
    expect(first).toContain('fencingToken');
    const record = await owner.record(key);
    expect(record.state).toBe('done');
    expect(record.text?.slice(0, 5)).toBe('\u0001\u0003old');
    expect(record.text).not.toMatch(PLAIN);
    const others = await Promise.all([
      crew.start({ options: { encryption: { keys: [NEW, OLD] } } }),
      crew.start({ options: { encryption: { keys: [NEW] } } }),
      crew.start(),
      crew.start({ options: { onUnreadable: 'retry' } }),
    ]);
    const [rotated, lost, plain, again] = others as [Worker, Worker, Worker, Worker];
    expect((await rotated.call({ key, log })).answers).toEqual([first]);
    expect((await lost.call({ key, log })).answers).toEqual(refused('SAMEKEY_UNREADABLE'));
    expect((await plain.call({ key, log })).answers).toEqual(refused('SAMEKEY_UNREADABLE'));
    expect(crew.runs()).toHaveLength(1);
    expect((await again.call({ key, log, callers: 10 })).answers).not.toEqual([first]);
    expect(crew.runs()).toHaveLength(2);
    // The result that replaced it is plain, which a process with encryption does not trust.
    expect((await rotated.call({ key, log })).answers).toEqual(refused('SAMEKEY_UNREADABLE'));
    expect((await plain.call({ key, log })).count).toBe(1);
    expect(crew.runs()).toHaveLength(2);
  });
});

onStores(part(STORES, isOf('redis')), 'the key of eight processes', (crewOf) => {
  it('is changed while they write, and no result is lost or made twice', async () => {
    const crew = crewOf();
    const { log } = crew;
    const options = { encryption: { keys: [OLD] } };
    const workers = await Promise.all(Array.from({ length: 8 }, () => crew.start({ options })));
    const answers = new Map<string, Set<string>>();
    let isWriting = true;
    /** Every process calls the same keys in the same order, until the keys have changed. */
    const write = async (worker: Worker) => {
      for (let at = 0; isWriting; at++) {
        // Each key is new once, and is read many times later.
        for (const key of [`key-${at}`, `key-${at >> 1}`]) {
          const told: Answers = await worker.call({ key, log });
          for (const answer of told.answers) {
            answers.set(key, (answers.get(key) ?? new Set()).add(answer));
          }
        }
      }
    };
    const writing = Promise.all(workers.map(write));
    const enough = async (more: number) => {
      const wanted = answers.size + more;
      await expect.poll(() => answers.size).toBeGreaterThan(wanted);
    };
    await enough(10);
    for (const keys of [
      [OLD, NEW],
      [NEW, OLD],
    ]) {
      for (const worker of workers) {
        await worker.encrypt({ keys });
        await enough(1);
      }
    }
    await enough(10);
    isWriting = false;
    await writing;
    const values = [...answers.values()].map((each) => [...each]);
    expect(values.filter((each) => each.length !== 1)).toEqual([]);
    expect(values.flat().filter((answer) => answer.includes('error'))).toEqual([]);
    const runs = crew.runs().map(({ key }) => key);
    expect(runs.sort()).toEqual([...answers.keys()].sort());
    // Both keys were used, and each result needs only one of them.
    const texts = await Promise.all([...answers.keys()].map((key) => workers[0]?.record(key)));
    const ids = new Set(texts.map((each) => each?.text?.slice(2, 5)));
    expect(ids).toEqual(new Set(['old', 'new']));
  });
});
