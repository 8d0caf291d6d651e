import type { Command } from 'commander';
import { CORE_HEX } from '../engine/wasm/module/core.generated.js';
import { JSON_HEX } from '../engine/wasm/module/json.generated.js';
import { activeEngine, listEngines } from '../index.js';
import { grouped } from '../text/counted.js';
import { print } from './output.js';
import { styleOf } from './terminal.js';

const ABOUT = {
  native: 'SHA-256 of the platform, in node:crypto',
  wasm: '',
  js: 'TypeScript, for platforms that forbid WebAssembly',
} as const;

export function addEngineCommand(program: Command): void {
  program
    .command('engine')
    .description('show the engines that work here')
    .option('--json', 'print one line of JSON')
    .addHelpText(
      'after',
      `
The environment variable SAMEKEY_ENGINE (auto, native, wasm or js) selects an
engine.

Examples:
  samekey engine
  SAMEKEY_ENGINE=js samekey engine --json`,
    )
    .action(runEngine);
}

async function runEngine(flags: { readonly json?: true }): Promise<void> {
  const active = activeEngine();
  const working = listEngines();
  const wasmBytes = (CORE_HEX.length + JSON_HEX.length) / 2;
  const rows = (['native', 'wasm', 'js'] as const).map((name) => {
    const engine = working.find((each) => each.name === name);
    const uses = [
      active.name === name ? (active.small === name ? 'content' : 'longer content') : '',
      active.small === name && active.small !== active.name ? 'short content' : '',
      active.canonicalizer === name ? 'canonical JSON' : '',
    ].filter((use) => use !== '');
    return { name, works: engine !== undefined, simd: engine?.simd ?? false, uses };
  });
  if (flags.json) {
    const engines = rows.map(({ name, works, simd }) => ({ name, works, simd }));
    await print(`${JSON.stringify({ active, engines, wasmBytes })}\n`);
    return;
  }
  const { paint } = styleOf(process.stdout);
  const cells = rows.map(({ name, works, simd, uses }) => [
    name,
    works ? 'yes' : 'no',
    works ? (simd ? 'yes' : 'no') : '-',
    uses.join(', ') || '-',
    name === 'wasm' ? `WebAssembly, ${grouped(wasmBytes)} bytes` : ABOUT[name],
  ]);
  const table = [['ENGINE', 'WORKS', 'SIMD', 'IN USE FOR', ''], ...cells];
  const widths = [0, 1, 2, 3].map((i) => Math.max(...table.map((row) => (row[i] ?? '').length)));
  const lines = table.map((row, i) => {
    const text = row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
    if (i === 0) return paint('dim', text);
    return rows[i - 1]?.uses.length === 0 ? text : paint('bold', text);
  });
  await print(`${lines.join('\n')}\n`);
}
