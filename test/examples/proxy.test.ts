import { describe, expect, it } from 'vitest';
import { hasPython, itWith } from '../cli/program.js';
import { isDeep } from '../depth.js';
import { isInstalled } from '../servers/process.js';
import { linesOf } from './run-example.js';

const given = (name: string) => [
  `${name} gives up before the answer comes, and tries again:`,
  'without samekey: the provider saw 2 calls and billed 2',
  'with samekey: the provider saw 1 call and billed 1',
];

const hasBoth = hasPython && isInstalled('curl');

describe.runIf(isDeep)('with every client', () => {
  itWith(
    'curl and python3',
    hasBoth,
    'proxy/clients.mjs: billed once in every language',
    async () => {
      expect(await linesOf('proxy/clients')).toEqual([
        ...given('curl'),
        ...given('python3'),
        ...given('Node.js'),
        'curl, python3, Node.js ask the same at the same time:',
        'without samekey: the provider saw 3 calls and billed 3',
        'with samekey: the provider saw 1 call and billed 1',
      ]);
    },
  );
});

it('proxy/clients.mjs prints one line for each missing program', async () => {
  expect((await linesOf('proxy/clients', { PATH: '/nowhere' })).slice(0, 5)).toEqual([
    'curl is not here, and was left out.',
    'python3 is not here, and was left out.',
    ...given('Node.js'),
  ]);
});
