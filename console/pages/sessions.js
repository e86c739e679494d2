// SPDX-License-Identifier: Apache-2.0
// Who is logged in, and ending that.
import { html, useState } from '../vendor/htm-preact.js';
import { ask, session } from '../api.js';
import { plain } from '../format.js';
import { useAll } from '../lists.js';
import { Ago, FaultBox, Head, Sure, Table, Tag, Time, say, tableCsv } from '../parts.js';
import { t } from '../words.js';

export default function Sessions() {
  const of = useAll('sessions', 'sessions'), [ends, set] = useState(null);
  const columns = [
    { key: 'name', label: t.who }, { key: 'role', label: t.role, cell: (r) => html`${r.role} ${r.current && html`<${Tag}>${t.thisOne}</${Tag}>`}` }, { key: 'group', label: t.group }, { key: 'client', label: t.client },
    { key: 'created_at', label: t.startedAt, cell: (r) => html`<${Time} of=${r.created_at} />` }, { key: 'last_used_at', label: t.lastUsed, cell: (r) => html`<${Ago} of=${r.last_used_at} />` }, { key: 'expires_at', label: t.ends, cell: (r) => html`<${Time} of=${r.expires_at} />` },
    { key: 'do', label: t.action, csv: () => '', cell: (r) => html`<button class="plain bad" onClick=${() => set(r)}>${t.end}</button>` },
  ];
  const closed = (is) => { set(null); if (is && ends.current) { session.who = null; session.changed(t.loggedOut); } else if (is) { of.again(); say(t.done); } };
  return html`<${Head} title=${t.sessions} csv=${() => tableCsv(columns.slice(0, -1), of.rows)} /><${FaultBox} fault=${of.fault} again=${of.again} />
    <${Table} label=${t.sessions} columns=${columns} rows=${of.rows} id=${(r) => r.id} busy=${of.busy} empty=${t.noSessions} />
    ${ends && html`<${Sure} title=${t.end} text=${t.endSession(plain(ends.name ?? ends.principal))} act=${t.end} does=${() => ask('DELETE', `sessions/${encodeURIComponent(ends.id)}`)} onClose=${closed} />`}`;
}
