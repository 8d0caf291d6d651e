import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { stepsOf } from './guides.js';

const FOLDER = fileURLToPath(new URL('../../docs/guides', import.meta.url));
const GUIDES = readdirSync(FOLDER).filter((name) => name.endsWith('.md'));

it('there are guides', () => expect(GUIDES.length).toBeGreaterThan(1));

/** `guides.deep.test.ts` follows them. */
describe.each(GUIDES)('the guide %s', (name) => {
  const page = readFileSync(join(FOLDER, name), 'utf8');

  it('begins with what its reader has at the end', () => {
    expect(page.split('\n')[0]).toMatch(/^# \S/);
    expect(page.split('\n')[2]).toMatch(/^At the end of this page you have /);
  });

  it('shows the output of all that it runs', () => {
    const steps = stepsOf(page);
    const runs = steps.filter(
      (step) => step.does === 'run' && !/^(?:npm install .*\n)+$/.test(step.commands),
    );
    expect(runs.length).toBeGreaterThan(2);
    for (const run of runs) {
      const next = steps[steps.indexOf(run) + 1];
      expect(next, JSON.stringify(run)).toMatchObject({ does: 'read' });
    }
  });

  it('says in words which terminal is next', () => {
    let last = 'first-terminal';
    let words = '';
    for (const part of page.split(/^(```[\s\S]*?^```$)/m)) {
      const [step] = part.startsWith('```') ? stepsOf(`${part}\n`) : [];
      if (step === undefined) words += part;
      else if (step.does !== 'write') {
        if (step.terminal !== last) expect(words).toContain(step.terminal.replace('-', ' '));
        last = step.terminal;
        words = '';
      }
    }
  });

  it('links to other pages', () => {
    expect(page.match(/\]\(\.\.\/[\w-]+\.md/g)?.length).toBeGreaterThan(3);
  });
});
