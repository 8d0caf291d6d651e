import { describe, expect, it } from 'vitest';
import { defineIdentity, explain } from '../../src/index.js';
import { parsePath, type Segment, type Selector, type Slice } from '../../src/json/path.js';
import { expectThrown } from '../errors/thrown.js';

/** Segments in short: `.a[0]` for children, `..a` for descendants, lists with commas. */
function show(segments: readonly Segment[]): string {
  const one = (selector: Selector) =>
    selector === 'any'
      ? '*'
      : 'name' in selector
        ? JSON.stringify(selector.name)
        : isIndex(selector)
          ? String(selector.start)
          : `${selector.start ?? ''}:${selector.end ?? ''}:${selector.step}`;
  // An index is a slice of one element.
  const isIndex = ({ start, end, step }: Slice) =>
    step === 1 && start !== undefined && end === (start === -1 ? undefined : start + 1);
  return segments
    .map(({ descendant, selectors }) => `${descendant ? '..' : ''}[${selectors.map(one)}]`)
    .join('');
}

describe('a path', () => {
  it.each([
    // RFC 9535 §1.5 and §2: the examples without filters.
    ['$', ''],
    ['$.store.book[*].author', '["store"]["book"][*]["author"]'],
    ['$..author', '..["author"]'],
    ['$.store.*', '["store"][*]'],
    ['$.store..price', '["store"]..["price"]'],
    ['$..book[2]', '..["book"][2]'],
    ['$..*', '..[*]'],
    ["$.o['j j']", '["o"]["j j"]'],
    ["$.o['j j']['k.k']", '["o"]["j j"]["k.k"]'],
    ['$.o["j j"]["k.k"]', '["o"]["j j"]["k.k"]'],
    [`$["'"]["@"]`, `["'"]["@"]`],
    ['$[*]', '[*]'],
    ['$.o[*, *]', '["o"][*,*]'],
    ['$.a[0]', '["a"][0]'],
    ['$[0, 3]', '[0,3]'],
    ['$..[0]', '..[0]'],
    ['$..[*]', '..[*]'],
    ["$['a','b']", '["a","b"]'],
    ['$..["a", \'b\', 0, *]', '..["a","b",0,*]'],
    // §2.3.3.3 and §2.3.4.3: the tables of indexes and slices.
    ['$[1]', '[1]'],
    ['$[-2]', '[-2]'],
    ['$..book[-1]', '..["book"][-1]'],
    ['$..book[0,1]', '..["book"][0,1]'],
    ['$..book[:2]', '..["book"][:2:1]'],
    ['$[1:3]', '[1:3:1]'],
    ['$[5:]', '[5::1]'],
    ['$[1:5:2]', '[1:5:2]'],
    ['$[5:1:-2]', '[5:1:-2]'],
    ['$[::-1]', '[::-1]'],
    ['$[:]', '[::1]'],
    ['$[::]', '[::1]'],
    ['$[::2]', '[::2]'],
    ['$[1:2:0]', '[1:2:0]'],
    ['$.messages[:-1]', '["messages"][:-1:1]'],
    ['$[ 1\t:\n-3\r: 2 , -1 ]', '[1:-3:2,-1]'],
    ['$[0:1,"a",*]', '[0,"a",*]'],
    ['$[-9007199254740991:9007199254740991:-1]', '[-9007199254740991:9007199254740991:-1]'],
    // §2.1.1: blanks between segments and inside brackets.
    ['$ .a', '["a"]'],
    ['$\n\t .a\r\n[ 0 ]', '["a"][0]'],
    // §2.3.1: names in quotes.
    [`$["\\u0041\\n\\"\\\\\\/"]`, '["A\\n\\"\\\\/"]'],
    [`$['\\'']`, `["'"]`],
    [`$['"']`, '["\\""]'],
    [`$['\\u00e9\\ud83d\\ude00']`, '["é😀"]'],
    ["$['']", '[""]'],
    ["$['$.a']", '["$.a"]'],
    ["$['*']", '["*"]'],
    ["$['0']", '["0"]'],
    ['$["__proto__"]', '["__proto__"]'],
    // §2.5.1.1: shorthands.
    ['$.ünïcödé', '["ünïcödé"]'],
    ['$.😀', '["😀"]'],
    ['$._a1', '["_a1"]'],
    ['$[9007199254740991]', '[9007199254740991]'],
    // Bare names.
    ['trace_id', '["trace_id"]'],
    ['request-id', '["request-id"]'],
    ['é', '["é"]'],
    ['_', '["_"]'],
    ['length', '["length"]'],
    ['a1', '["a1"]'],
  ])('%j selects %s', (text, expected) => {
    expect(show(parsePath(text).segments)).toBe(expected);
  });

  it.each<[string, number, RegExp?]>([
    ['', 0],
    [' ', 0],
    ['.a', 0],
    ['a.b', 1],
    ['a[0]', 1],
    ['1a', 0],
    ['-a', 0],
    ['a b', 1],
    ['a\n', 1],
    [' a', 0],
    ['@.a', 0],
    ['$a', 1],
    ['$.', 2],
    ['$..', 3],
    ['$...a', 3],
    ['$.a.', 4],
    ['$.a b', 4],
    ['$.a ', 4],
    [' $.a', 0],
    ['$. a', 2],
    ['$.. a', 3],
    ['$.1', 2],
    ['$.a-b', 3],
    ['$."a"', 2],
    ["$.'a'", 2],
    ['$.[0]', 2],
    ['$[', 2],
    ['$[]', 2],
    ['$[a]', 2],
    ['$[0', 3],
    ['$[0 1]', 4],
    ['$[0,]', 4],
    ['$[,0]', 2],
    ['$[01]', 3],
    ['$[00]', 3],
    ['$[+1]', 2],
    ['$[1.0]', 3],
    ['$[1e2]', 3],
    ['$[9007199254740992]', 2],
    ['$[99999999999999999999]', 2],
    ["$['a]", 2],
    ["$['a'", 5],
    [`$["a']`, 2],
    [`$['\\x41']`, 2],
    [`$['\\u12']`, 2],
    [`$["\\'"]`, 2],
    [`$['\\"']`, 2],
    [`$['\\ud800']`, 2],
    [`$["\\udc00\\ud800"]`, 2],
    ['$["a\nb"]', 2],
    ['$["\0"]', 2],
    ['$[-0]', 2],
    ['$[-]', 2],
    ['$[--1]', 2],
    ['$[- 1]', 2],
    ['$[-01]', 2],
    ['$[-1.0]', 4],
    ['$[-9007199254740992]', 2, /at most 53 bits/],
    ['$[0:9007199254740992]', 4, /at most 53 bits/],
    ['$[0:-0]', 4],
    ['$[0:01]', 5],
    ['$[0:1:2:3]', 7],
    ['$[0:a]', 4],
    ['$[:', 3],
    ['$[0:', 4],
    ['$[0:1', 5],
    ['$[1 2:3]', 4],
    ['$.[0:1]', 2],
    ['$:1', 1],
    ['$[?@.a]', 2, /filters are not supported/],
    ['$[?(@.a == 1)]', 2, /filters are not supported/],
    ['$..book[?@.price < 10]', 8, /filters are not supported/],
    ['$[(@.length-1)]', 2, /expressions are not supported/],
    ['$.a\ud8cf', 3],
    ['$.\udc00', 2],
    ['a\ud8cf', 1],
    ["$['\ud8cf']", 2, /not allowed/],
    ['$.a.length()', 10, /expressions are not supported/],
    // A filter stands in brackets.
    ['$?', 1, /wanted "\."/],
    ['$.a?', 3, /wanted "\."/],
    ['$[0]?', 4, /wanted "\."/],
    ['a?b', 1, /a path begins with "\$"/],
  ])('%j is refused at position %i', (text, position, message = /position/) => {
    const expected = { code: 'SAMEKEY_BAD_PATH', position, message } as const;
    for (const options of [{ include: [text] }, { exclude: ['a', text] }, { refs: [text] }]) {
      expectThrown(() => defineIdentity(options), SyntaxError, expected);
    }
  });

  it('is shown in the message, on one line', () => {
    expectThrown(() => defineIdentity({ exclude: ['$.a\n!'] }), SyntaxError, {
      code: 'SAMEKEY_BAD_PATH',
      position: 4,
      message:
        'Cannot read the path "$.a\\n!" at position 4: wanted ".", ".." or "[", as in [\'a-b\'] for other names',
    });
  });

  it.each([[undefined], [null], [1], [['$.a']], [{}], [Symbol('s')]])(
    'is text: %s is refused',
    (path) => {
      for (const name of ['include', 'exclude', 'refs']) {
        expectThrown(() => defineIdentity({ [name]: [path] }), TypeError, {
          code: 'SAMEKEY_BAD_PATH',
        });
      }
    },
  );
});

// RFC 9535 §1.5, figures 1 and 2: what each path leaves of the bookstore.
const BOOKSTORE = {
  store: {
    book: [
      { category: 'reference', author: 'Nigel Rees', title: 'Sayings of the Century', price: 8.95 },
      { category: 'fiction', author: 'Evelyn Waugh', title: 'Sword of Honour', price: 12.99 },
      { category: 'fiction', author: 'Herman Melville', title: 'Moby Dick', price: 8.99 },
    ],
    bicycle: { color: 'red', price: 399 },
  },
};

describe('the bookstore of RFC 9535', () => {
  it.each([
    [
      '$.store.book[*].author',
      '{"store":{"book":[{"author":"Nigel Rees"},{"author":"Evelyn Waugh"},{"author":"Herman Melville"}]}}',
    ],
    [
      '$..author',
      '{"store":{"bicycle":{},"book":[{"author":"Nigel Rees"},{"author":"Evelyn Waugh"},{"author":"Herman Melville"}]}}',
    ],
    [
      '$.store..price',
      '{"store":{"bicycle":{"price":399},"book":[{"price":8.95},{"price":12.99},{"price":8.99}]}}',
    ],
    [
      '$..book[2]',
      '{"store":{"bicycle":{},"book":[{"author":"Herman Melville","category":"fiction","price":8.99,"title":"Moby Dick"}]}}',
    ],
    ["$.store['bicycle','x'].color", '{"store":{"bicycle":{"color":"red"}}}'],
  ])('include %s', (path, canonical) => {
    // Containers stay on every way that may lead to the path, empty if nothing of it is there.
    const withoutEmpty = explain(BOOKSTORE, { include: [path] }).canonical;
    expect(dropEmpty(JSON.parse(withoutEmpty))).toEqual(dropEmpty(JSON.parse(canonical)));
  });

  it.each([
    ['$.store.book', '{"store":{"bicycle":{"color":"red","price":399}}}'],
    ['$..*', '{}'],
    ['$.store.book[*]', '{"store":{"bicycle":{"color":"red","price":399},"book":[]}}'],
  ])('exclude %s', (path, canonical) => {
    expect(explain(BOOKSTORE, { exclude: [path] }).canonical).toBe(canonical);
  });

  function dropEmpty(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(dropEmpty).filter((each) => each !== undefined);
    if (typeof value !== 'object' || value === null) return value;
    const members = Object.entries(value)
      .map(([name, member]) => [name, dropEmpty(member)] as const)
      .filter(([, member]) => member !== undefined);
    return members.length === 0 ? undefined : Object.fromEntries(members);
  }
});
