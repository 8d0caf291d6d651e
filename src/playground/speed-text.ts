import type { Contender } from './speed-contenders.js';
import { SIZES, type Times } from './speed-run.js';

/** Formats the size of a message: `64 B`, `16 KiB`. */
export function sizeText(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 ** 2 ? `${size / 1024} KiB` : `${size / 1024 ** 2} MiB`;
}

/** Formats a time with three digits and a unit. */
export function durationText(ns: number): string {
  if (ns < 1e3) return `${Number(ns.toPrecision(3))} ns`;
  if (ns < 1e6) return `${Number((ns / 1e3).toPrecision(3))} µs`;
  return `${Number((ns / 1e6).toPrecision(3))} ms`;
}

export function throughputText(size: number, ns: number): string {
  const megabytes = (size / ns) * 1000;
  if (megabytes < 1000) return `${Number(megabytes.toPrecision(3))} MB/s`;
  return `${Number((megabytes / 1000).toPrecision(3))} GB/s`;
}

/** Describes the result of a run. */
export function findingText(times: Times, contenders: readonly Contender[]): string {
  const has = (name: string) => contenders.some((each) => each.name === name);
  const engine = has('wasm') ? 'wasm' : 'js';
  const label = engine === 'wasm' ? 'WASM' : 'JavaScript';
  const parts: string[] = [];
  const [smallEngine, smallSubtle] = [times[engine][0], times.subtle[0]];
  if (smallEngine !== undefined && smallSubtle !== undefined) {
    const ratio = smallSubtle / smallEngine;
    parts.push(
      `At 64 B ${label} is ${Number(ratio.toPrecision(2))} times as fast as awaiting crypto.subtle.`,
    );
    const from = SIZES.findIndex((_, i) => (times.subtle[i] ?? 1 / 0) < (times[engine][i] ?? 0));
    parts.push(
      from === -1
        ? 'It is faster at every size.'
        : `From ${sizeText(SIZES[from] as number)}, crypto.subtle is faster.`,
    );
  }
  const [wasm, js] = [times.wasm[2], times.js[2]];
  if (wasm !== undefined && js !== undefined) {
    parts.push(
      `At 1 KiB WASM is ${Number((js / wasm).toPrecision(2))} times as fast as JavaScript.`,
    );
  }
  return parts.join(' ');
}
