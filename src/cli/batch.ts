import type { Command } from 'commander';
import { addDropCommand } from './batch-drop.js';
import { addPlanCommand } from './batch-plan.js';
import { addRecordCommand, addResultsCommand } from './batch-record.js';
import { addStatusCommand } from './batch-status.js';

const HELP = `
Requests by their keys, for the batch APIs of Anthropic and OpenAI: each is sent once, whoever asks for
it and however often, and what failed is what is sent again. Results are in a store; LMDB, which is the
default, needs the package lmdb.

Examples:
  samekey batch plan requests.jsonl --out tonight   write the batches of what is left to be sent
  samekey batch record results.jsonl                keep what came back
  samekey batch results requests.jsonl              print each request's result
  samekey batch status                              count
  samekey batch drop tonight                        give back what will not be sent`;

export function addBatchCommand(program: Command): void {
  const batch = program
    .command('batch')
    .description('send each of many requests once, in batches')
    .addHelpText('after', HELP);
  addPlanCommand(batch);
  addRecordCommand(batch);
  addResultsCommand(batch);
  addStatusCommand(batch);
  addDropCommand(batch);
}
