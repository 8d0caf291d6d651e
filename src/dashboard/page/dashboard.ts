import { byId } from '../../page/element.js';
import { Tabs } from '../../page/tabs.js';
import { printable } from '../../text/printable.js';
import type { Overview } from '../messages.js';
import { CallsPanel } from './calls-panel.js';
import { Connection } from './connection.js';
import { KeyPanels } from './key-panels.js';
import { LiveState } from './live-state.js';
import { Notices } from './notices.js';
import { PanelClock } from './panel-clock.js';
import { RecordDialog } from './record-dialog.js';
import { RecordsPanel } from './records-panel.js';
import { RunPanels } from './run-panels.js';
import { SummaryPanel } from './summary-panel.js';
import { setText } from './text-change.js';

const state = new LiveState();
const notices = new Notices();
const record = new RecordDialog(state, () => records.reload());
const open = (key: string) => record.open(key);
const summary = new SummaryPanel(state);
const calls = new CallsPanel(state);
const runs = new RunPanels(state, open);
const keys = new KeyPanels(state, open);
const records = new RecordsPanel(state, open);
const clock = new PanelClock([
  () => summary.draw(),
  () => calls.draw(),
  () => runs.drawRunning(),
  () => runs.drawUnknown(),
  () => keys.draw(),
  () => records.draw(),
]);

const tabs = new Tabs(byId('tabs'), () => {
  history.replaceState(null, '', tabs.isFirst ? ' ' : `#${tabs.name}`);
});
const openNamed = () => tabs.open(location.hash.slice(1));
addEventListener('hashchange', openNamed);
openNamed();
const loadRecords = () => {
  if (!byId('panel-records').hidden && !records.isLoaded) records.search();
};
new MutationObserver(loadRecords).observe(byId('panel-records'), { attributeFilter: ['hidden'] });
loadRecords();

let isDrawn = false;

new Connection({
  onOverview(overview) {
    state.receiveOverview(overview);
    showOverview(overview);
  },
  onMessage(message, isFirst) {
    state.receive(message, isFirst);
    notices.store(message.storeFault, message.nowMs);
    if (isDrawn) return;
    isDrawn = true;
    byId('live').setAttribute('aria-busy', 'false');
    clock.drawAll();
  },
  onLive: () => notices.live(),
  onLost: (reason) => notices.lost(reason, state.clock.nowMs()),
});

function showOverview({ version, storeName, storeAddress, allowEvict }: Overview): void {
  setText(byId('store'), printable(storeAddress ?? storeName));
  setText(byId('version'), `samekey ${printable(version)}`);
  setText(
    byId('unknown-hint'),
    `The lease of these runs has ended without an outcome. Ask the API whether it did the work. ${
      allowEvict
        ? 'To let the next call run, open the record and evict it.'
        : 'To evict records here, start with --allow-evict.'
    }`,
  );
}
