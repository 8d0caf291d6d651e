import { claim, expectEqual, newOwner, outcome, type Rule } from './stage.js';

/** All byte values, in a sequence whose period no block size divides. */
function bytes(byteCount: number): Uint8Array {
  return Uint8Array.from({ length: byteCount }, (_, index) => (index * 31 + (index >> 8)) & 255);
}

/** Keys that a careless comparison, pattern or escape would confuse. */
function similarKeys(key: string): string[] {
  return [
    key,
    key.toUpperCase(),
    `${key}0`,
    key.slice(0, -1),
    key.slice(0, 35),
    `${key} `,
    ` ${key}`,
    `${key}:${key}`,
    `${key}%`,
    `${key}*`,
    `{${key}}`,
    `${key}'`,
    `${key}"`,
    `${key}\\`,
    `${key}\u00e9`,
    // The same letter as two code points: a different text.
    `${key}e\u0301`,
  ];
}

/** Rules for content: a store returns what it was given. */
export const contentRules: readonly Rule[] = [
  {
    name: 'payloads are bytes, from 0 to the largest size',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const largest = stage.options.maxPayloadBytes;
      for (const byteCount of [0, 1, 2, 255, 256, 4095, 4096, 65_537, largest]) {
        if (byteCount > largest) continue;
        const key = stage.newKey();
        const { owner } = (await claim(store, key)).record;
        // A view of a part of its buffer, as codecs return.
        const payload = bytes(byteCount + 2).subarray(1, byteCount + 1);
        const answer = await store.complete(key, owner, outcome({ payload }));
        expectEqual(answer, true, `complete with ${byteCount} bytes`);
        const { record } = await other.read(key);
        expectEqual(record?.payload, payload, `a payload of ${byteCount} bytes`);
        await other.evict(key);
      }
    },
  },
  {
    name: 'texts come back unchanged',
    async run(stage) {
      const store = await stage.open();
      for (const text of ['', ' ', 'a:b', '{}', "'; --", '"\\', 'null', '0', 'é\u{1f600}\n\t']) {
        const key = stage.newKey();
        const owner = `${newOwner()}${text}`;
        await claim(store, key, { owner, fingerprint: text });
        await store.complete(key, owner, outcome({ codec: `c${text}` }));
        const { record } = await store.read(key);
        expectEqual(record?.owner, owner, 'the owner');
        expectEqual(record?.fingerprint, text, 'the fingerprint');
        expectEqual(record?.codec, `c${text}`, 'the codec');
      }
    },
  },
  {
    name: 'similar owners are different owners',
    async run(stage) {
      const store = await stage.open();
      const key = stage.newKey();
      const owner = newOwner();
      await claim(store, key, { owner });
      for (const similar of similarKeys(owner).slice(1)) {
        expectEqual(await store.renew(key, similar, 1000), false, `renew by ${similar}`);
        expectEqual(await store.release(key, similar), false, `release by ${similar}`);
        expectEqual(await store.complete(key, similar, outcome()), false, `complete by ${similar}`);
      }
      expectEqual((await store.read(key)).record?.owner, owner, 'the owner');
    },
  },
  {
    name: 'similar keys have separate records',
    async run(stage) {
      const [store, other] = [await stage.open(), await stage.open()];
      const keys = similarKeys(stage.newKey());
      const owners = new Map<string, string>();
      for (const key of keys) owners.set(key, (await claim(store, key)).record.owner);
      for (const [index, key] of keys.entries()) {
        const payload = new Uint8Array([index]);
        await other.complete(key, owners.get(key) ?? '', outcome({ payload }));
      }
      for (const [index, key] of keys.entries()) {
        const { record } = await store.read(key);
        expectEqual(record?.payload, new Uint8Array([index]), `the payload of ${key}`);
        expectEqual(await store.evict(key), true, `evict of ${key}`);
      }
    },
  },
];
