// SPDX-License-Identifier: Apache-2.0
// What is in force and where it comes from; what the file on disk would change.
import { html } from '../vendor/htm-preact.js';
import { get, member } from '../api.js';
import { count, plain } from '../format.js';
import { Asked, FaultBox, Head, Name, Table, Tag, Time, put, tableCsv, to, useAsk } from '../parts.js';
import { t } from '../words.js';

const text = (v) => (v === null || v === undefined ? '' : typeof v === 'string' ? v : JSON.stringify(v));
const restart = (is) => (is ? html`<${Tag} kind="warn">${t.needsRestart}</${Tag}>` : '');

const changes = [
  { key: 'path', label: t.setting, cell: (r) => html`${r.what === 'route' ? t.route + ' ' : r.what === 'file' ? t.file + ' ' : ''}<${Name} of=${r.path} />` },
  { key: 'change', label: t.change, cell: (r) => html`${r.change} ${restart(r.takes_restart)}` },
  { key: 'before', label: t.before, cell: (r) => html`<${Name} of=${text(r.before)} />`, csv: (r) => text(r.before) },
  { key: 'after', label: t.after, cell: (r) => html`<${Name} of=${text(r.after)} />`, csv: (r) => text(r.after) },
  { key: 'at', label: t.definedAt },
];

function Diff() {
  const of = useAsk((s) => get('config/diff', {}, s), []);
  return html`<section><h2>${t.onDisk}</h2><${Asked} of=${of}>${(diff) => html`
    ${diff.problems.length > 0 && html`<ul>${diff.problems.map((p) => html`<li><span class=${p.severity === 'error' ? 'bad' : 'warn'}>${p.severity}</span> <code>${plain(`${p.file ?? ''}${p.line ? `:${p.line}:${p.column ?? 1}` : ''}`)}</code> ${plain(p.text)}</li>`)}</ul>`}
    ${diff.is_valid && html`<${Table} label=${t.onDisk} columns=${changes} rows=${diff.changes} empty=${diff.file ? t.sameOnDisk : t.noFileOnDisk} />`}
    <div class="bar"><button onClick=${of.again}>${t.lookAgain}</button></div>`}</${Asked}></section>`;
}

export default function Config({ where }) {
  const of = useAsk((s) => get('config', {}, s), []), q = where.query.q ?? '', all = where.query.all;
  const rows = (of.data ? member(of.data, 'settings') : []).filter((r) => (all || r.from !== 'default') && `${r.path} ${text(r.value)}`.toLowerCase().includes(q.toLowerCase()));
  const columns = [
    { key: 'path', label: t.setting, cell: (r) => html`<${Name} of=${r.path} /> ${restart(r.waits_for_restart)}` },
    { key: 'value', label: t.value, cell: (r) => html`<code><${Name} of=${text(r.value)} none="" /></code>`, csv: (r) => text(r.value) },
    { key: 'from', label: t.from, cell: (r) => html`<span class=${r.from === 'default' ? 'faint' : ''}>${r.from}</span>` },
    { key: 'at', label: t.definedAt },
  ];
  return html`<${Head} title=${t.config} csv=${() => tableCsv(columns, rows)} command="sluice check" />
    <${FaultBox} fault=${of.fault} again=${of.again} />
    ${of.data && html`<p><${Name} of=${of.data.file} none=${t.noFileOnDisk} />, ${t.version.toLowerCase()} ${of.data.version}, ${t.loadedAt.toLowerCase()} <${Time} of=${of.data.loaded_at} /></p>`}
    <${Diff} />
    <h2>${t.inForce}</h2><div class="bar"><input type="search" aria-label=${t.filter} placeholder=${t.filter} value=${q} onInput=${(e) => put({ q: e.target.value })} />
      <label class="choice"><input type="checkbox" checked=${Boolean(all)} onChange=${(e) => put({ all: e.target.checked ? 1 : '' })} /> <span>${t.defaultsToo}</span></label><span class="note">${count(rows.length)}</span></div>
    <${Table} label=${t.inForce} columns=${columns} rows=${rows} id=${(r) => r.path} busy=${of.busy} empty=${t.onlyDefaults} />`;
}
