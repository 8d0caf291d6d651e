// Compiled by each TypeScript against the packed package: the exports have the documented types.
// Nothing here needs the declarations of the DOM or of Node.
import {
  type ActiveEngine,
  type activeEngine,
  type ByteStream,
  type Content,
  type canonicalBytes,
  type canonicalize,
  type canonicalizeJson,
  createConversation,
  createSha256,
  type customId,
  type Difference,
  type defineIdentity,
  type EngineInfo,
  type Explanation,
  type explain,
  type explainDifference,
  type Identity,
  identities,
  isKey,
  type Key,
  type KeyOfStreamOptions,
  keyOf,
  keyOfJson,
  keyOfStream,
  type keysOf,
  type keysOfJson,
  type listEngines,
  NAMESPACE_DNS,
  type ParsedKey,
  type parseKey,
  type randomKey,
  type SamekeyError,
  type SamekeyErrorCode,
  scoped,
  type sha1,
  sha256,
  type sha256Batch,
  sha256Hex,
  type sha256HexBatch,
  useEngine,
  type uuidv5,
} from 'samekey';
import type * as pure from 'samekey/pure';

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if both are the same type; `any` equals only itself. */
function same<A, B>(..._proof: Equal<A, B> extends true ? [] : ['not the same type']): void {}

type Bytes = ReturnType<typeof Uint8Array.of>;

declare const identity: Identity;
declare const bytes: Uint8Array;
declare const buffer: ArrayBuffer;

const key = keyOf({ a: 1 });
same<typeof key, Key>();
const asText: string = key;
same<ReturnType<typeof keyOfJson>, Key>();
same<ReturnType<typeof keyOfStream>, Promise<Key>>();
same<ReturnType<typeof keysOf>, Key[]>();
same<ReturnType<typeof keysOfJson>, Key[]>();
same<ReturnType<typeof sha256Hex>, Key>();
same<ReturnType<typeof scoped>, Key>();
same<ReturnType<typeof sha256HexBatch>, Key[]>();
same<ReturnType<typeof customId>, Key>();
same<ReturnType<typeof uuidv5>, string>();
same<ReturnType<typeof randomKey>, string>();
same<ReturnType<typeof canonicalize>, string>();
same<ReturnType<typeof canonicalBytes>, Bytes>();
same<ReturnType<typeof canonicalizeJson>, Bytes>();
same<ReturnType<typeof sha256>, Bytes>();
same<ReturnType<typeof sha1>, Bytes>();
same<ReturnType<typeof sha256Batch>, Bytes[]>();
same<ReturnType<typeof parseKey>, ParsedKey>();
same<ReturnType<typeof explain>, Explanation>();
same<ReturnType<typeof explainDifference>, Difference[]>();
same<ReturnType<typeof defineIdentity>, Identity>();
same<ReturnType<typeof listEngines>, EngineInfo[]>();
same<ReturnType<typeof activeEngine>, ActiveEngine>();
same<Key, `ik_${string}`>();
const preset: Identity & { readonly exclude: readonly string[] } = identities.anthropic;
const namespace: string = NAMESPACE_DNS;
same<Content, string | ArrayBufferView | ArrayBuffer>();
same<typeof pure.keyOf, typeof keyOf>();

const hasher = createSha256();
same<ReturnType<typeof hasher.digest>, Bytes>();
same<ReturnType<typeof hasher.update>, typeof hasher>();
same<ReturnType<typeof hasher.save>, Bytes>();

// `isKey` narrows.
const unknown: unknown = asText;
if (isKey(unknown)) same<typeof unknown, Key>();

// Accepted.
sha256Hex('abc', { bits: 128, secret: bytes });
sha256Hex(bytes);
sha256Hex(buffer);
sha256Hex(new DataView(buffer));
scoped(['a', 'b'], 'c');
keyOf({ a: 1 }, identity);
keyOf({ a: 1 }, { include: ['$.a'], scope: 's', refs: ['$.b'] });
keyOf(new Date(0), identities.openai);
keyOfJson(bytes, { bigNumbers: 'double' });
createConversation({ messages: [] }, identity);
useEngine('auto');
keyOfStream([bytes, 'text']);
keyOfStream(
  (async function* () {
    yield bytes;
  })(),
);
const stream: ByteStream = [bytes];
const options: KeyOfStreamOptions = { scope: 's' };
keyOfStream(stream, options);
const code: SamekeyErrorCode = 'SAMEKEY_PLATFORM';
declare const error: SamekeyError;
same<typeof error.code, SamekeyErrorCode>();
same<typeof error.path, string | undefined>();

// Refused.
// @ts-expect-error: a number is not content
sha256Hex(7);
// @ts-expect-error: undefined is not content
sha256();
// @ts-expect-error: keys have 128 or 256 bits
sha256Hex('abc', { bits: 64 });
// @ts-expect-error: unknown member
keyOf({}, { excludes: ['$.a'] });
// @ts-expect-error: unknown engine
useEngine('gpu');
// @ts-expect-error: a text is not a stream
keyOfStream('text');
// @ts-expect-error: a number is not a stream
keyOfStream(7);
// @ts-expect-error: a promise of a key is not a key
const early: Key = keyOfStream(stream);
// @ts-expect-error: unknown code
const other: SamekeyErrorCode = 'ENOENT';
// @ts-expect-error: a text is not a key
const guessed: Key = asText;
// @ts-expect-error: unknown export
import('samekey').then(({ keyof }) => keyof);
// @ts-expect-error: private
import('samekey/dist/index.js');

export { code, early, guessed, namespace, other, preset };
