interface Platform {
  readonly process?: { readonly versions?: Readonly<Record<string, string | undefined>> };
}

let isFaster: boolean | undefined;

/** Bun has another engine, and names a version of V8. */
function isDictionaryFaster(): boolean {
  const { v8 = '', bun } = (globalThis as Platform).process?.versions ?? {};
  return bun === undefined && Number.parseInt(v8, 10) < 13;
}

/**
 * Makes V8 keep an object as a dictionary, if its prototype is not that of its class.
 *
 * Express replaces the prototype of every request and response. From then on V8 before version 13, that
 * is Node 20 and 22, shares no hidden class between them: each new member copies the class with the list
 * of all members, which takes 1.5 KB and 3 µs, and each access is looked up anew. Dictionaries share one
 * class. With them a new order allocates 28 KB less and takes a quarter less processor time.
 */
export function keepAsDictionary(of: object, member: string): void {
  isFaster ??= isDictionaryFaster();
  if (isFaster) toDictionary(of, member);
}

/** `member` is one of its own, which is removed and added again. That is how V8 is told. */
export function toDictionary(of: object, member: string): void {
  if (Object.getPrototypeOf(of) === of.constructor?.prototype) return;
  const descriptor = Object.getOwnPropertyDescriptor(of, member);
  if (!descriptor?.configurable || !('value' in descriptor)) return;
  delete (of as Record<string, unknown>)[member];
  Object.defineProperty(of, member, descriptor);
}
