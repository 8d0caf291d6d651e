/**
 * A backtracking matcher that counts its steps. The time of a match depends on the machine, the number
 * of steps does not. It tries alternatives in the order of ECMAScript, so that a text that is slow
 * here is slow in every engine that backtracks.
 */
import { RegExpParser } from '@eslint-community/regexpp';

/** Thrown when a match takes more steps than it may. */
export class TooManySteps extends Error {}

/**
 * @param {string} source
 * @param {string} flags
 */
export function matcherOf(source, flags) {
  const options = { unicode: flags.includes('u'), unicodeSets: flags.includes('v') };
  const pattern = new RegExpParser({ ecmaVersion: 2025 }).parsePattern(
    source,
    0,
    source.length,
    options,
  );
  const charFlags = flags.replace(/[gyd]/g, '');
  const wide = options.unicode || options.unicodeSets;
  const tests = new Map();

  /** Whether one character of a text is in a set, asked of the engine itself. */
  function accepts(node, char) {
    let known = tests.get(node);
    if (known === undefined) {
      known = {
        pattern: new RegExp(`^(?:${node.raw})$`, charFlags.replace('m', '')),
        seen: new Map(),
      };
      tests.set(node, known);
    }
    let answer = known.seen.get(char);
    if (answer === undefined) {
      answer = known.pattern.test(char);
      known.seen.set(char, answer);
    }
    return answer;
  }

  const isWord = (char) => char !== undefined && /\w/.test(char);

  /** Compiles a node to a function that calls `next` with each end of a match, in order. */
  function compile(node) {
    switch (node.type) {
      case 'Pattern':
      case 'Group':
      case 'CapturingGroup': {
        const ways = node.alternatives.map(compile);
        return (run, at, next) => {
          for (const way of ways) {
            const begin = at;
            const ended = (end) => {
              if (node.type !== 'CapturingGroup') return next(end);
              const before = run.groups.get(node);
              run.groups.set(node, run.chars.slice(begin, end));
              if (next(end)) return true;
              run.groups.set(node, before);
              return false;
            };
            if (way(run, at, ended)) return true;
          }
          return false;
        };
      }
      case 'Alternative': {
        const parts = node.elements.map(compile);
        const from = (index) => (run, at, next) =>
          index === parts.length
            ? next(at)
            : parts[index](run, at, (end) => from(index + 1)(run, end, next));
        return from(0);
      }
      case 'Quantifier': {
        const part = compile(node.element);
        const repeat = (run, at, count, next) => {
          run.step();
          const again = () =>
            count < node.max &&
            part(run, at, (end) =>
              end === at && count >= node.min ? false : repeat(run, end, count + 1, next),
            );
          if (count < node.min) return again();
          return node.greedy ? again() || next(at) : next(at) || again();
        };
        return (run, at, next) => repeat(run, at, 0, next);
      }
      case 'Character':
      case 'CharacterSet':
      case 'CharacterClass':
        return (run, at, next) => {
          run.step();
          return at < run.chars.length && accepts(node, run.chars[at]) && next(at + 1);
        };
      case 'Backreference':
        return (run, at, next) => {
          const group = run.groups.get(node.resolved) ?? [];
          for (const [index, char] of group.entries()) {
            run.step();
            if (run.chars[at + index] !== char) return false;
          }
          return next(at + group.length);
        };
      case 'Assertion':
        return compileAssertion(node);
      default:
        throw new Error(`Cannot count the steps of /${source}/: ${node.type} is not known`);
    }
  }

  function compileAssertion(node) {
    const { kind, negate } = node;
    if (kind === 'lookahead' || kind === 'lookbehind') {
      const ways = node.alternatives.map(compile);
      const behind = kind === 'lookbehind';
      if (behind && node.alternatives.some((way) => way.elements.length !== 1)) {
        throw new Error(
          `Cannot count the steps of /${source}/: it looks behind more than one character`,
        );
      }
      return (run, at, next) => {
        run.step();
        const from = behind ? at - 1 : at;
        const found =
          from >= 0 && ways.some((way) => way(run, from, (end) => !behind || end === at));
        return found !== negate && next(at);
      };
    }
    return (run, at, next) => {
      run.step();
      const before = run.chars[at - 1];
      const after = run.chars[at];
      const multiline = flags.includes('m');
      const holds =
        kind === 'start'
          ? at === 0 || (multiline && before === '\n')
          : kind === 'end'
            ? at === run.chars.length || (multiline && after === '\n')
            : (isWord(before) !== isWord(after)) !== negate;
      return holds && next(at);
    };
  }

  const whole = compile(pattern);
  return {
    pattern,
    accepts,
    isWide: wide,
    /**
     * Finds all matches, as `replaceAll` does, or the first one without the flag `g`.
     *
     * @param {string} text
     * @param {number} [mostSteps]
     * @returns {{ steps: number, matches: [number, number][] }} indexes in characters
     */
    run(text, mostSteps = Number.POSITIVE_INFINITY) {
      const chars = wide ? [...text] : text.split('');
      const run = {
        chars,
        groups: new Map(),
        steps: 0,
        step() {
          if (++this.steps > mostSteps) throw new TooManySteps();
        },
      };
      const matches = [];
      const isGlobal = flags.includes('g');
      let at = 0;
      while (at <= chars.length) {
        let end;
        run.groups.clear();
        whole(run, at, (stop) => {
          end = stop;
          return true;
        });
        if (end === undefined) {
          if (flags.includes('y')) break;
          at++;
          continue;
        }
        matches.push([at, end]);
        if (!isGlobal) break;
        at = end === at ? at + 1 : end;
      }
      return { steps: run.steps, matches };
    },
  };
}
