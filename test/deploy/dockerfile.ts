/** `deploy/Dockerfile` as data, so that tests run its commands instead of copies of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../cli/program.js';

export interface Instruction {
  /** Such as `RUN`. */
  readonly name: string;
  readonly text: string;
}

export interface Stage {
  readonly base: string;
  /** Empty for the image itself, the last stage. */
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  readonly variables: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
  readonly image: Stage;
  /** The variables of `ENV`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The text of the instruction of the image; there must be exactly one. */
  textOf(name: string): string;
  /** The words of an instruction in the exec form. */
  wordsOf(name: string): string[];
}

export const DEPLOY = join(ROOT, 'deploy');

export function readDockerfile(): Dockerfile {
  const text = readFileSync(join(DEPLOY, 'Dockerfile'), 'utf8');
  const lines = text
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const variables: Record<string, string> = {};
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'ARG' && stages.length === 0) {
      const [variable = '', value = ''] = rest.split('=');
      variables[variable] = value;
    } else if (name === 'FROM') {
      const [, base = '', , stage = ''] = /^(\S+)(\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      const resolved = base.replace(/\$\{(\w+)\}/, (_, variable) => variables[variable] ?? '');
      stages.push({ base: resolved, name: stage, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, text: rest });
  }
  const image = stages.at(-1);
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  const textOf = (name: string) => {
    const found = image.instructions.filter((each) => each.name === name);
    if (found.length !== 1) throw new Error(`${found.length} × ${name}, wanted one`);
    return found[0]?.text as string;
  };
  return {
    variables,
    stages,
    image,
    environment: Object.fromEntries(
      textOf('ENV')
        .split(' ')
        .map((pair) => pair.split('=')),
    ),
    textOf,
    // A text in the shell form is no JSON.
    wordsOf: (name) => JSON.parse(textOf(name).replace(/^(?:--\S+\s+)*(?:CMD\s+)?/, '')),
  };
}
