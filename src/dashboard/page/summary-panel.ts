import { byId } from '../../page/element.js';
import { byteSize } from '../../text/byte-size.js';
import { grouped } from '../../text/counted.js';
import type { Savings } from '../messages.js';
import { compactText, countText, moneyText, percentText } from './figures.js';
import type { LiveState } from './live-state.js';
import { hitRatio } from './outcomes.js';
import { setText } from './text-change.js';

/** How many currencies are shown. */
const CURRENCIES = 2;

/** The figures at the top of the page. */
export class SummaryPanel {
  readonly #state: LiveState;

  constructor(state: LiveState) {
    this.#state = state;
  }

  draw(): void {
    const { overview, latest } = this.#state;
    if (overview === undefined || latest === undefined) return;
    const { totals, savings, recordCount, recordBytes, isWhole } = latest;
    byId('calls-summary').hidden = !overview.hasCalls;
    byId('no-calls').hidden = overview.hasCalls;
    if (overview.hasCalls) {
      figure('hit-ratio', percentText(hitRatio(totals)), `${grouped(savings.calls)} calls saved`);
      const tokens = savings.inputTokens + savings.outputTokens;
      figure(
        'tokens',
        countText(tokens),
        `${compactText(savings.inputTokens)} in, ${compactText(savings.outputTokens)} out`,
      );
      figure('money', ...moneyTexts(savings));
    }
    figure('running-now', countText(latest.runningCount), 'runs');
    figure('unknown-now', countText(latest.unknownCount), 'to decide about');
    byId('unknown-now').dataset.state = latest.unknownCount > 0 ? 'unknown' : '';
    const prefix = isWhole ? '' : 'at least ';
    figure('records-now', countText(recordCount), `${prefix}${byteSize(recordBytes)}`);
  }
}

function moneyTexts({ costs }: Savings): readonly [string, string] {
  const [first, ...others] = costs.map(({ cost, currency }) => moneyText(cost, currency));
  if (first === undefined) return ['–', 'no prices'];
  const shown = others.slice(0, CURRENCIES - 1).join(' and ');
  if (shown === '') return [first, 'not billed twice'];
  const rest = others.length - (CURRENCIES - 1);
  return [first, `and ${shown}${rest > 0 ? ` and ${rest} more` : ''}`];
}

function figure(id: string, value: string, note: string): void {
  const root = byId(id);
  setText(root.querySelector('.value') as Node, value);
  setText(root.querySelector('.note') as Node, note);
}
