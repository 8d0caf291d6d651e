/**
 * The type of a value that was written as JSON and read again: the value of `toJSON` for an object that
 * has this method, such as a `Date`, and `never` for values that JSON does not have.
 */
export type Jsonified<T> = unknown extends T
  ? T
  : // biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing has this type.
    T extends string | number | boolean | null | undefined | void
    ? T
    : T extends { toJSON(...all: never[]): infer Value }
      ? Jsonified<Value>
      : T extends NotJson
        ? never
        : { [Name in keyof T]: Jsonified<T[Name]> };

type NotJson =
  | bigint
  | symbol
  | ((...all: never[]) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView
  | ArrayBufferLike;
