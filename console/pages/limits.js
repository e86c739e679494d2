// SPDX-License-Identifier: Apache-2.0
// All limits, whoever has them; how much of one owner's is used.
import { html, useState } from '../vendor/htm-preact.js';
import { get, may, member } from '../api.js';
import { command, plain } from '../format.js';
import { EditLimits, countColumns, limitText, useAll } from '../lists.js';
import { Asked, Choice, FaultBox, Head, Name, Table, put, tableCsv, to, useAsk } from '../parts.js';
import { t } from '../words.js';

const OWNERS = { route: t.route, group: t.group, key: t.key };
const EMPTY = { rows: [] };

function Used({ owner, name, onChange }) {
  const [isOpen, open] = useState(false);
  const path = owner === 'route' ? `routes/${encodeURIComponent(name)}/limits` : 'groups/' + name.split('/').map(encodeURIComponent).join('/');
  const of = useAsk((s) => get(path, {}, s), [path], 10000);
  return html`<section><h2>${OWNERS[owner]} <bdi>${plain(name)}</bdi></h2><${Asked} of=${of}>${(data) => html`<${Table} label=${t.used} columns=${countColumns} rows=${member(data, 'counts')} empty=${t.noLimits} />`}</${Asked}>
    ${owner === 'route' && may.operate() && html`<div class="bar"><button onClick=${() => open(true)}>${t.edit}</button></div>`}
    ${isOpen && html`<${EditLimits} name=${name} path=${path} onClose=${() => open(false)} onDone=${() => { open(false); of.again(); onChange(); }} />`}</section>`;
}

export default function Limits({ where }) {
  const { owner = '', name = '' } = where.query;
  const routes = may.operate() ? useAll('routes', 'routes') : EMPTY, groups = may.view() ? useAll('groups', 'groups') : EMPTY, keys = may.manage() ? useAll('keys', 'keys') : EMPTY;
  const all = [['route', routes], ['group', groups], ['key', keys]].flatMap(([kind, of]) => of.rows.flatMap((r) => (r.limits ?? []).map((limit, i) => ({ owner: kind, name: r.name, id: `${kind} ${r.id ?? r.name} ${i}`, limit, where: r.defined_at ?? (r.owner === 'file' ? t.ofFile : t.ofCall) }))));
  const rows = owner && !name ? all.filter((r) => r.owner === owner) : all;
  const columns = [
    { key: 'owner', label: t.owner, cell: (r) => OWNERS[r.owner] },
    { key: 'name', label: t.name, cell: (r) => (r.owner === 'key' ? html`<${Name} of=${r.name} />` : html`<a href=${to('limits', [], { owner: r.owner, name: r.name })}><${Name} of=${r.name} /></a>`) },
    { key: 'limit', label: t.limit, cell: (r) => html`<${Name} of=${limitText(r.limit)} />`, csv: (r) => limitText(r.limit) },
    { key: 'where', label: t.definedAt },
  ];
  const one = ['route', 'group'].includes(owner) && name;
  return html`<${Head} title=${t.limits} csv=${() => tableCsv(columns, rows)} command=${one ? command(owner === 'route' ? 'limits get' : 'groups get', [name]) : 'sluice routes list --json'}>
      <${Choice} label=${t.owner} value=${name ? '' : owner} of=${[['', t.all], ...Object.entries(OWNERS)]} onPick=${(v) => put({ owner: v, name: '' })} /></${Head}>
    ${one && html`<${Used} owner=${owner} name=${name} onChange=${routes.again} />`}
    ${[routes, groups, keys].map((of) => html`<${FaultBox} fault=${of.fault} again=${of.again} />`)}
    <${Table} label=${t.limits} columns=${columns} rows=${rows} id=${(r) => r.id} busy=${routes.busy || groups.busy || keys.busy} empty=${t.emptyLimits} current=${(r) => r.owner === owner && r.name === name} />
    <p class="note">${t.limitsHow}</p>`;
}
