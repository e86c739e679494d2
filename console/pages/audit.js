// SPDX-License-Identifier: Apache-2.0
// What was changed, when and by whom.
import { html, useEffect, useState } from '../vendor/htm-preact.js';
import { get, member } from '../api.js';
import { FaultBox, Code, Dialog, Head, Name, Table, Time, tableCsv } from '../parts.js';
import { t } from '../words.js';

const text = (v) => (v === null || v === undefined ? '' : JSON.stringify(v, null, 2));

export default function Audit() {
  const [state, set] = useState({ rows: [], busy: true });
  const [open, setOpen] = useState(null);
  const load = async (token) => {
    set((old) => ({ ...old, busy: true, fault: null }));
    try {
      const page = await get('audit', { page_token: token });
      set((old) => ({ rows: [...old.rows, ...member(page, 'audit')], next: page.next_page_token }));
    } catch (fault) {
      set((old) => ({ ...old, busy: false, fault }));
    }
  };
  useEffect(() => { load(); }, []);
  const columns = [
    { key: 'time', label: t.time, cell: (r) => html`<button class="plain" onClick=${() => setOpen(r)}><${Time} of=${r.time} /></button>` },
    { key: 'principal', label: t.who },
    { key: 'action', label: t.action },
    { key: 'target', label: t.target },
    { key: 'before', label: t.before, cell: (r) => html`<${Name} of=${r.before && JSON.stringify(r.before)} />`, csv: (r) => r.before && JSON.stringify(r.before) },
    { key: 'after', label: t.after, cell: (r) => html`<${Name} of=${r.after && JSON.stringify(r.after)} />`, csv: (r) => r.after && JSON.stringify(r.after) },
  ];
  return html`<${Head} title=${t.audit} csv=${() => tableCsv(columns, state.rows)} command="sluice audit --all" />
    <${FaultBox} fault=${state.fault} again=${() => load(state.next)} />
    <${Table} label=${t.audit} columns=${columns} rows=${state.rows} id=${(r) => r.id} busy=${state.busy} empty=${t.emptyAudit} onEnd=${() => { if (state.next && !state.busy && !state.fault) load(state.next); }} />
    ${open && html`<${Dialog} title=${`${open.action} ${open.target ?? ''}`} onClose=${() => setOpen(null)}>
      <h2>${t.before}</h2><${Code} text=${text(open.before)} label=${t.before} /><h2>${t.after}</h2><${Code} text=${text(open.after)} label=${t.after} />
      <p class="note">${t.requestId} <code>${open.request_id}</code></p><button onClick=${() => setOpen(null)}>${t.close}</button></${Dialog}>`}`;
}
