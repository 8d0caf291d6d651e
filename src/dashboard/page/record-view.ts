import { copyButton } from '../../page/copy-button.js';
import { element } from '../../page/element.js';
import { byteSize } from '../../text/byte-size.js';
import { printable } from '../../text/printable.js';
import type { RecordDetail } from '../messages.js';
import { sinceText, untilText } from './figures.js';
import { dateText } from './server-clock.js';

/** How much of a foreign text of one line is shown. */
const LINE_CHARS = 4000;

const line = (text: string) =>
  printable(text.length > LINE_CHARS ? `${text.slice(0, LINE_CHARS)}…` : text);

/** All that is known of a record, its head and the beginning of its body included. */
export function recordView(detail: RecordDetail): readonly HTMLElement[] {
  return [facts(detail), ...headView(detail), ...bodyView(detail)];
}

function facts(detail: RecordDetail): HTMLElement {
  const { nowMs, state, finishedAtMs, leaseEndsAtMs, payloadBytes } = detail;
  const ago = (ms: number) => `${dateText(ms)} (${sinceText(ms, nowMs)} ago)`;
  const ahead = (ms: number) =>
    ms < nowMs ? ago(ms) : `${dateText(ms)} (in ${untilText(ms, nowMs)})`;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['State', state],
    ['Attempt', String(detail.attempt)],
    ['Claimed', ago(detail.claimedAtMs)],
    ['Finished', finishedAtMs === undefined ? undefined : ago(finishedAtMs)],
    [
      state === 'unknown' ? 'Lease ended' : 'Lease ends',
      leaseEndsAtMs === undefined ? undefined : ahead(leaseEndsAtMs),
    ],
    ['Expires', ahead(detail.expiresAtMs)],
    ['Size', payloadBytes === undefined ? 'no result' : byteSize(payloadBytes)],
    ['Codec', detail.codec],
    ['Encrypted with', detail.keyId],
    ['Owner', detail.owner],
    ['Fencing token', String(detail.fencingToken)],
    ['Fingerprint', detail.fingerprint],
  ];
  return element(
    'dl',
    { class: 'facts' },
    ...rows.flatMap(([name, value]) =>
      value === undefined
        ? []
        : [element('div', {}, element('dt', {}, name), element('dd', {}, line(value)))],
    ),
  );
}

function headView({ head }: RecordDetail): readonly HTMLElement[] {
  if (head === undefined) return [];
  const rows = head.headers.map(([name, value]) =>
    element('div', {}, element('dt', {}, line(name)), element('dd', {}, line(value))),
  );
  return [
    element('h3', {}, `Response, status ${head.status}`),
    element('dl', { class: 'facts headers' }, ...rows),
  ];
}

function bodyView({ text, hex, isCut, payloadBytes }: RecordDetail): readonly HTMLElement[] {
  const shown = text === undefined ? hex && hexRows(hex) : printableLines(text);
  if (shown === undefined) return [];
  const title = text === undefined ? 'Body, as bytes' : 'Body';
  const size = payloadBytes === undefined ? '' : ` of ${byteSize(payloadBytes)}`;
  const heading = element('div', { class: 'heading' }, element('h3', {}, title));
  if (isCut) heading.append(element('p', { class: 'meta' }, `the beginning${size}`));
  heading.append(copyButton('the body', text ?? hex ?? ''));
  const body = element(
    'pre',
    { class: 'body', tabindex: '0', role: 'region', 'aria-label': title, translate: 'no' },
    shown === '' ? '(empty)' : shown,
  );
  return [heading, body];
}

/** Foreign text, whose lines stay lines. */
const printableLines = (text: string) =>
  text
    .replaceAll('\r\n', '\n')
    .split(/([\n\t])/)
    .map((part, at) => (at % 2 === 1 ? part : printable(part)))
    .join('');

/** Sixteen bytes in a row, with their offset. */
function hexRows(hex: string): string {
  const rows: string[] = [];
  for (let at = 0; at < hex.length; at += 32) {
    const bytes = hex.slice(at, at + 32).match(/../g) ?? [];
    rows.push(`${(at / 2).toString(16).padStart(4, '0')}  ${bytes.join(' ')}`);
  }
  return rows.join('\n');
}
