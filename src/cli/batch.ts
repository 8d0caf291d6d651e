import type { Command } from 'commander';
import { addDropCommand } from './batch-drop.js';
import { addPlanCommand } from './batch-plan.js';
import { addRecordCommand, addResultsCommand } from './batch-record.js';
import { addStatusCommand } from './batch-status.js';

const HELP = `
Plans batches for the batch APIs of Anthropic and OpenAI, in which each request
is sent once, however often it occurs and in however many plans. Requests that
failed are planned again. Results are kept in a store. The default, LMDB, needs
the package lmdb.

Examples:
  samekey batch plan requests.jsonl --out tonight   write the batches that are left to send
  samekey batch record results.jsonl                store the results
  samekey batch results requests.jsonl              print each request's result
  samekey batch status                              count requests and results
  samekey batch drop tonight                        release a plan that will not be sent`;

export function addBatchCommand(program: Command): void {
  const batch = program
    .command('batch')
    .description('send each request once, in batches')
    .addHelpText('after', HELP);
  addPlanCommand(batch);
  addRecordCommand(batch);
  addResultsCommand(batch);
  addStatusCommand(batch);
  addDropCommand(batch);
}
