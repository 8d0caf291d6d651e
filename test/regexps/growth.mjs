/** How the steps of a match grow with a text that is made to be slow for it. */
import { matcherOf, TooManySteps } from './steps.mjs';

/** One character of each kind that patterns tell apart: letters and digits first. */
const CHARACTERS = [
  ...Array.from({ length: 127 }, (_, code) => String.fromCharCode(code)).sort(
    (a, b) => Number(/\w/.test(b)) - Number(/\w/.test(a)),
  ),
  'é',
  '\u2028',
  '😀',
];

/** A text that a node matches: the shortest, with each repetition as often as it must be. */
function shortest(node, accepts) {
  switch (node.type) {
    case 'Pattern':
    case 'Group':
    case 'CapturingGroup':
      return shortest(node.alternatives[0], accepts);
    case 'Alternative':
      return node.elements.map((element) => shortest(element, accepts)).join('');
    case 'Quantifier':
      return shortest(node.element, accepts).repeat(Math.min(Math.max(node.min, 1), node.max));
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      return CHARACTERS.find((char) => accepts(node, char)) ?? '';
    default:
      return '';
  }
}

/** What may be repeated, and what may stand before it. */
function partsOf({ pattern, accepts }) {
  const pumps = new Set([shortest(pattern, accepts)]);
  const prefixes = new Set(['']);
  const visit = (node, before) => {
    if (node.type === 'Alternative') {
      let prefix = before;
      for (const element of node.elements) {
        visit(element, prefix);
        prefix += shortest(element, accepts);
      }
      pumps.add(node.elements.map((element) => shortest(element, accepts)).join(''));
    } else if (node.alternatives !== undefined) {
      for (const way of node.alternatives) visit(way, before);
    } else if (node.type === 'Quantifier') {
      prefixes.add(before);
      pumps.add(shortest(node.element, accepts));
      visit(node.element, before);
    } else {
      pumps.add(shortest(node, accepts));
    }
  };
  visit(pattern, '');
  pumps.delete('');
  return { pumps: [...pumps].slice(0, 40), prefixes: [...prefixes] };
}

/** A text of 400 characters that takes more is not linear. */
const MOST_STEPS = 1e6;

/** Throws unless the counting matcher finds the same matches as the engine. */
function compare(matcher, source, flags, text) {
  const engine = new RegExp(source, flags.includes('g') ? flags : `${flags}g`);
  const { matches } = matcherOf(source, engine.flags).run(text);
  const chars = (index) => (matcher.isWide ? [...text.slice(0, index)].length : index);
  const wanted = [...text.matchAll(engine)].map(({ 0: found, index }) => [
    chars(index),
    chars(index + found.length),
  ]);
  if (JSON.stringify(matches) !== JSON.stringify(wanted)) {
    throw new Error(
      `Cannot count the steps of /${source}/${flags}: it matches ${JSON.stringify(text)} at ${JSON.stringify(matches)}, wanted ${JSON.stringify(wanted)}`,
    );
  }
}

/**
 * The largest ratio of steps when a text gets twice as long: 2 is linear, 4 is quadratic.
 *
 * @param {string} source
 * @param {string} flags
 * @returns {{ ratio: number, text: string }}
 */
export function worstGrowth(source, flags) {
  const matcher = matcherOf(source, flags);
  const { pumps, prefixes } = partsOf(matcher);
  const pairs = pumps.slice(0, 12).flatMap((a) => pumps.slice(0, 12).map((b) => a + b));
  let worst = { ratio: 0, text: '' };
  for (const prefix of prefixes) {
    for (const pump of new Set([...pumps, ...pairs])) {
      for (const suffix of ['', '\0']) {
        compare(matcher, source, flags, prefix + pump.repeat(3) + suffix);
        const count = (times) => {
          const text = prefix + pump.repeat(times) + suffix;
          try {
            return matcher.run(text, MOST_STEPS).steps;
          } catch (error) {
            if (error instanceof TooManySteps) return Number.POSITIVE_INFINITY;
            throw error;
          }
        };
        const times = Math.ceil(200 / pump.length);
        const [once, twice] = [count(times), count(2 * times)];
        // Few steps are mostly those that do not grow.
        const ratio = twice === Number.POSITIVE_INFINITY ? twice : twice / Math.max(once, 400);
        if (ratio > worst.ratio) worst = { ratio, text: `${prefix}(${pump}){n}${suffix}` };
      }
    }
  }
  return worst;
}
