// With Node's declarations and without the DOM's.
import { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { type Key, keyOfJson, keyOfStream, sha256Hex } from 'samekey';
import * as aiSdk from 'samekey/ai-sdk';
import * as cost from 'samekey/cost';
import * as once from 'samekey/once';
import { createPool, type LineKey } from 'samekey/pool';
import * as memory from 'samekey/store/memory';

keyOfStream(createReadStream('a'), { signal: AbortSignal.timeout(1000) });
keyOfStream(Readable.from(['a']));
keyOfStream(new ReadableStream());
keyOfStream(Readable.toWeb(Readable.from(['a'])));
keyOfStream(new Blob(['a']), { signal: new AbortController().signal });
sha256Hex(Buffer.from('a'), { secret: Buffer.from('k') });
keyOfJson(Buffer.from('1'));

const pool = createPool({ threads: 2 });
const keys: Promise<Key[]> = pool.keysOfJson([Buffer.from('1'), '2']);
const lines: AsyncIterable<LineKey> = pool.jsonLines(createReadStream('a'));

// @ts-expect-error: a path is no stream
pool.jsonLines('requests.jsonl');

export { aiSdk, cost, keys, lines, memory, once };
