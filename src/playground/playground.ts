import { activeEngine, explain, explainDifference, type IdentityOptions } from '../index.js';
import { copyButton } from '../page/copy-button.js';
import { announce, byId, choose, chosen, element } from '../page/element.js';
import { Tabs } from '../page/tabs.js';
import { byteSize } from '../text/byte-size.js';
import { counted } from '../text/counted.js';
import { leaveLink, showInAddress, wireAddress } from './address.js';
import { CanonicalPanel } from './canonical-panel.js';
import { type Comparison, showComparison, verdictText } from './comparison-panel.js';
import { Editor } from './editor.js';
import { EXAMPLES } from './examples.js';
import { FormatsPanel } from './formats-panel.js';
import { IdentityPanel } from './identity-panel.js';
import { keyBars, keyText } from './key-text.js';
import type { LinkContent } from './link-content.js';
import { wireNarrowLayout } from './narrow-layout.js';
import { bytesOf, type Fault, isEmpty, readRequest, toFault } from './request-text.js';
import { SharePanel } from './share-panel.js';
import { wireSpeedPanel } from './speed-panel.js';

/** How long typing must pause before the results are updated. */
const DEBOUNCE_MS = 150;

const results = byId('results');
const compareSwitch = byId<HTMLButtonElement>('compare-switch');
const secondSection = byId('editor-b');

const identity = new IdentityPanel(schedule);
const canonical = new CanonicalPanel(inputChanged);
const formats = new FormatsPanel(inputChanged);
const first = new Editor(byId('editor-a'), {
  id: 'text-a',
  label: 'Request',
  placeholder: 'Paste a request, or drop a file here',
  onChange: schedule,
});
const second = new Editor(secondSection, {
  id: 'text-b',
  label: 'Second request',
  placeholder: 'Paste another request, for example a retry',
  onChange: schedule,
  onRemove: () => setComparing(false),
});

const tabs = new Tabs(document.querySelector('[role="tablist"]') as HTMLElement, () => {
  showInAddress(tabs.isFirst ? '' : tabs.name);
  inputChanged();
});
const share = new SharePanel(readInput);

let timer: ReturnType<typeof setTimeout> | undefined;
/** While the page fills in a link's input, the address keeps the link. */
let isRestoring = false;

/** Removes the link in the address, whose input the page no longer shows, and the message about it. */
function inputChanged(): void {
  if (isRestoring) return;
  leaveLink();
  showLinkFault(undefined);
  share.refresh();
}

/** Marks the results as outdated, and updates them when typing pauses. */
function schedule(): void {
  inputChanged();
  results.setAttribute('aria-busy', 'true');
  clearTimeout(timer);
  timer = setTimeout(update, DEBOUNCE_MS);
}

function update(): void {
  clearTimeout(timer);
  if (first.isReading || second.isReading) return;
  const outcome = derive();
  showKey(outcome);
  canonical.show(outcome.explained);
  formats.show(outcome.material);
  const comparison = secondSection.hidden ? undefined : compare(outcome);
  showComparison(comparison);
  results.setAttribute('aria-busy', 'false');
  announce(
    comparison === undefined
      ? `${outcome.summary} ${outcome.fault?.message ?? ''}`
      : verdictText(comparison),
  );
}

type Explained = { value: unknown; explanation: ReturnType<typeof explain> };

/** The keys of the first request, or the reason why it has no key. */
interface Outcome {
  readonly summary: string;
  readonly fault?: Fault;
  readonly options?: IdentityOptions;
  readonly explained?: Explained;
  readonly material?: Parameters<FormatsPanel['show']>[0];
}

function derive(): Outcome {
  const chosen = identity.read();
  const { content } = first;
  describe(first);
  first.mark(undefined);
  if (isEmpty(content)) {
    return { summary: first.isAsking ? 'Waiting for your answer.' : 'No request yet.' };
  }
  const options = chosen.isFaulty ? {} : chosen.options;
  const body = bytesOf(content);
  const raw = { body, bits: options.bits ?? 256 };
  const read = readRequest(content, identity.roundsIntegers);
  if (read.fault !== undefined) {
    first.mark(read.fault);
    const { fault } = read;
    // A fault without a line is in a text that is not valid Unicode, which has no bytes.
    const material = fault.line === undefined ? undefined : raw;
    return { summary: 'No key: the request cannot be read.', fault, ...(material && { material }) };
  }
  if (chosen.isFaulty) return { summary: 'No key: the identity is invalid.' };
  const explained = explainWith(first, read.value, options);
  if (explained === undefined) return { summary: 'No key: the identity selects nothing.' };
  const { explanation } = explained;
  return {
    summary: `${explanation.key}, ${counted(explanation.excluded.length, 'part')} excluded`,
    options,
    explained,
    material: { ...raw, canonical: new TextEncoder().encode(explanation.canonical) },
  };
}

/** Explains a value, or shows the error at its place. */
function explainWith(
  editor: Editor,
  value: unknown,
  options: IdentityOptions,
): Explained | undefined {
  try {
    return { value, explanation: explain(value, options) };
  } catch (error) {
    const fault: Fault & { code?: string } = { ...toFault(error), ...(error as object) };
    if (fault.code === 'SAMEKEY_EMPTY_IDENTITY' && editor === first) {
      identity.showFault('include', fault.message);
    } else editor.mark({ message: fault.message });
    return undefined;
  }
}

function compare({ explained, options }: Outcome): Comparison | undefined {
  const { content } = second;
  describe(second);
  second.mark(undefined);
  const read = isEmpty(content) ? undefined : readRequest(content, identity.roundsIntegers);
  if (read?.fault !== undefined) {
    second.mark(read.fault);
    return { waitsFor: 'The second request cannot be read.' };
  }
  // The panel of the key reports a fault of the first request.
  if (explained === undefined || options === undefined) return undefined;
  if (read === undefined) return { waitsFor: 'Waiting for the second request.' };
  const against = explainWith(second, read.value, options);
  if (against === undefined) return { waitsFor: 'The second request has no key.' };
  return {
    keys: [explained.explanation.key, against.explanation.key],
    differences: explainDifference(explained.value, against.value, options),
  };
}

function describe(editor: Editor): void {
  const { content } = editor;
  editor.describe(isEmpty(content) ? '' : byteSize(bytesOf(content).length));
}

function showKey({ explained, summary }: Outcome): void {
  const body = byId('key-body');
  if (explained === undefined) {
    body.replaceChildren(element('p', { class: 'no-key' }, summary));
    return;
  }
  const { key } = explained.explanation;
  const line = element('div', { class: 'output' }, keyText(key), copyButton('the key', key));
  body.replaceChildren(keyBars(key), line);
}

function showSecond(isComparing: boolean): void {
  secondSection.hidden = !isComparing;
  compareSwitch.hidden = isComparing;
  compareSwitch.setAttribute('aria-expanded', String(isComparing));
  if (!isComparing) second.show('');
}

function setComparing(isComparing: boolean): void {
  showSecond(isComparing);
  if (isComparing) second.focus();
  else compareSwitch.focus();
  schedule();
}

/** Returns all that the user has put in, for a link. The secret of the HMAC is no part of it. */
function readInput(): LinkContent {
  return {
    tab: tabs.name === 'speed' ? 'speed' : 'keys',
    requests: secondSection.hidden ? [first.content] : [first.content, second.content],
    identity: identity.input,
    view: chosen('view') === 'text' ? 'text' : 'structure',
    fields: formats.fields,
  };
}

/** Fills in the input of a link, and shows its results. */
function restoreInput({ tab, requests, view, ...input }: LinkContent): void {
  const [a, b] = requests;
  isRestoring = true;
  tabs.open(tab);
  identity.restore(input.identity);
  choose('view', view);
  formats.restore(input.fields);
  first.restore(a);
  showSecond(b !== undefined);
  if (b !== undefined) second.restore(b);
  update();
  isRestoring = false;
  share.refresh();
}

/** Shows the reason why a link cannot be opened; `undefined` removes it. */
function showLinkFault(message: string | undefined): void {
  byId('link-fault').textContent = message ?? '';
  byId('link-fault').hidden = message === undefined;
}

function showEngine(): void {
  const { name, simd, canonicalizer } = activeEngine();
  const label = name === 'wasm' ? 'WebAssembly' : 'JavaScript';
  const note = canonicalizer === 'js' ? ' (WebAssembly is blocked)' : '';
  byId('engine').textContent = `Engine: ${label}${simd ? ' with SIMD' : note}`;
}

compareSwitch.addEventListener('click', () => setComparing(true));
wireSpeedPanel();
wireNarrowLayout();
showEngine();
isRestoring = true;
first.showExample(Object.keys(EXAMPLES)[0] ?? '');
isRestoring = false;
wireAddress({
  onInput(input) {
    showLinkFault(undefined);
    restoreInput(input);
  },
  onFault(message) {
    tabs.open('');
    showLinkFault(message);
  },
  onTab(name) {
    tabs.open(name);
    showLinkFault(undefined);
  },
}).then(() => {
  if (results.getAttribute('aria-busy') === 'true') update();
  for (const id of ['main', 'footer']) byId(id).hidden = false;
});
