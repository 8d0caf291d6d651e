import { arch, availableParallelism, cpus, platform } from 'node:os';
import type { Command } from 'commander';
import { type Case, createCases, findFault } from './bench-cases.js';
import { type Rounds, type Timed, timeCase } from './bench-rounds.js';
import { caseLines, columnsOf } from './bench-view.js';
import { CliError, EXIT } from './exit-codes.js';
import { print } from './output.js';
import { styleOf } from './terminal.js';

/** About ten seconds on any machine: a slow machine makes fewer calls. */
const FULL: Rounds = { count: 7, batchMs: 20, warmUpMs: 60 };
const QUICK: Rounds = { count: 1, batchMs: 4, warmUpMs: 25 };

export function addBenchCommand(program: Command): void {
  program
    .command('bench')
    .description('time samekey on this machine, compared with Node.js itself')
    .option('--quick', 'run one short round, for rough figures in a few seconds')
    .option('--json', 'print one line of JSON')
    .addHelpText(
      'after',
      `
Every output is checked against node:crypto before it is timed. All contenders
share one process, which gives rough figures. npm run bench in samekey's
repository measures each one alone, and other packages.

Examples:
  samekey bench
  samekey bench --quick --json`,
    )
    .action(runBench);
}

async function runBench(flags: { readonly quick?: true; readonly json?: true }): Promise<void> {
  const rounds = flags.quick ? QUICK : FULL;
  const cases = createCases();
  for (const each of cases) {
    const fault = findFault(each);
    if (fault !== undefined) {
      throw new CliError(EXIT.fault, `${each.group}, ${each.label}: ${fault}; please report this`);
    }
  }

  const machine = {
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    platform: `${platform()} ${arch()}`,
    node: process.versions.node,
  };
  if (flags.json) {
    const results = cases.map((each) => ({ ...summary(each), times: timeCase(each, rounds) }));
    await print(`${JSON.stringify({ machine, rounds: rounds.count, cases: results })}\n`);
    return;
  }

  const style = styleOf(process.stdout);
  const widths = columnsOf(cases);
  const { cpu, cores, platform: system, node } = machine;
  await print(
    `${cpu}, ${cores} cores, ${system}, Node ${node}\n` +
      `All outputs are correct. Medians of ${rounds.count === 1 ? 'one round' : `${rounds.count} rounds`}; less time is better.\n`,
  );
  let group = '';
  for (const each of cases) {
    if (each.group !== group) await print(`\n${style.paint('bold', each.group)}\n`);
    group = each.group;
    const times: Timed[] = timeCase(each, rounds);
    await print(`${caseLines(each, times, widths, style).join('\n')}\n`);
  }
}

const summary = ({ group, label, byteCount }: Case) => ({ group, label, byteCount });
