import fc from 'fast-check';

/** Characters at which escapers, encoders and sorters go wrong. */
const TRICKY = [
  '"',
  '\\',
  '/',
  '\0',
  '\b',
  '\n',
  '\u001f',
  '\u007f',
  '\u0080',
  'é',
  '\u2028',
].concat(['東', '\ud7ff', '\ue000', '\ufb33', '\ufeff', '\uffff', '🧳', '\u{10000}', '\u{10ffff}']);

const char = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...'abcxyzABZ059 -_') },
  { weight: 2, arbitrary: fc.constantFrom(...TRICKY) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }) },
);

const join = (chars: string[]) => chars.join('');

/** Well-formed text of any characters, now and then around the length where writing changes. */
export const anyText = fc.oneof(
  { weight: 6, arbitrary: fc.array(char, { maxLength: 12 }).map(join) },
  { weight: 1, arbitrary: fc.array(char, { minLength: 40, maxLength: 60 }).map(join) },
);

export const anyName = fc.oneof(
  { weight: 8, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '', '0', '10') },
);

export const anyNumber = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 9, 10, -1, 1e21, 1e-7, 2 ** 53, 5e-324, Number.MAX_VALUE),
);

const anyScalar = fc.oneof(fc.constantFrom(null, true, false), anyNumber, anyText);

/** Members as data, also those named `__proto__`: as `JSON.parse` makes them. */
function toObject(members: readonly (readonly [string, unknown])[]): object {
  const object = {};
  for (const [name, value] of members) {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

/** Arrays that begin like numbers and are not all numbers. */
const mostlyNumbers = fc
  .tuple(fc.array(anyNumber, { minLength: 8, maxLength: 20 }), fc.nat(), anyScalar)
  .map(([numbers, at, other]) => numbers.with(at % numbers.length, other as number));

/** Any JSON value: nested, with long and short arrays, and wide objects. */
export const anyJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 3, arbitrary: anyScalar },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 6 }) },
    { weight: 1, arbitrary: fc.array(anyNumber, { maxLength: 40 }) },
    { weight: 1, arbitrary: mostlyNumbers },
    {
      weight: 4,
      arbitrary: fc.array(fc.tuple(anyName, tie('value')), { maxLength: 8 }).map(toObject),
    },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.tuple(anyName, anyScalar), { minLength: 20, maxLength: 60 })
        .map(toObject),
    },
  ),
})).value;

/** The same value with members in another order. */
export function shuffled(value: unknown, next: () => number): unknown {
  if (Array.isArray(value)) return value.map((element) => shuffled(element, next));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).map(
    ([name, member]) => [next(), [name, shuffled(member, next)]] as const,
  );
  return toObject(members.sort(([a], [b]) => a - b).map(([, member]) => member as never));
}
