import { fs } from './node-fs.js';

/** Offsets in the first and second page of a database: `MDB_page_header` and `MDB_meta` of LMDB. */
const META = {
  flags: 0x12,
  magic: 0x18,
  pageSize: 0x30,
  freeRoot: 0x58,
  mainRoot: 0x88,
  transaction: 0x98,
  end: 0xa0,
};
const IS_META = 0x08;
const MAGIC = 0xbeefc0de;
const NO_ROOT = 2n ** 64n - 1n;

/** Whether the file begins like one of LMDB and contains the pages that it refers to. */
export function hasPages(descriptor: number): boolean {
  const first = metaAt(descriptor, 0);
  if (first === undefined) return false;
  const second = metaAt(descriptor, first.pageSize);
  if (second === undefined) return false;
  // Read after the roots: files of LMDB only grow.
  const pageCount = Math.floor(fs.fstatSync(descriptor).size / first.pageSize);
  const { roots } = second.transaction > first.transaction ? second : first;
  return roots.every((root) => root === NO_ROOT || root < pageCount);
}

/** Returns the number of the last committed transaction, or `undefined` if the file is none of LMDB. */
export function lastTransaction(file: string): bigint | undefined {
  const descriptor = fs.openSync(file, 'r');
  try {
    const first = metaAt(descriptor, 0);
    const second = first && metaAt(descriptor, first.pageSize);
    if (first === undefined || second === undefined) return undefined;
    return second.transaction > first.transaction ? second.transaction : first.transaction;
  } finally {
    fs.closeSync(descriptor);
  }
}

function metaAt(descriptor: number, position: number) {
  const bytes = new DataView(new ArrayBuffer(META.end));
  if (fs.readSync(descriptor, bytes, 0, META.end, position) < META.end) return undefined;
  const isMeta =
    (bytes.getUint16(META.flags, true) & IS_META) !== 0 &&
    bytes.getUint32(META.magic, true) === MAGIC;
  if (!isMeta) return undefined;
  return {
    pageSize: bytes.getUint32(META.pageSize, true),
    transaction: bytes.getBigUint64(META.transaction, true),
    roots: [bytes.getBigUint64(META.freeRoot, true), bytes.getBigUint64(META.mainRoot, true)],
  };
}
