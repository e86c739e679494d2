// SPDX-License-Identifier: Apache-2.0
// Keys, and the groups that they are in.
import { html, useMemo, useState } from '../vendor/htm-preact.js';
import { ask, get, now, session, usage } from '../api.js';
import { command, count, money, plain } from '../format.js';
import { EditLimits, countColumns, limitsText, useAll } from '../lists.js';
import { Ago, Asked, Choice, Code, Dialog, FaultBox, Field, Head, Name, Sure, Table, Tag, Time, put, say, tableCsv, to, useAsk } from '../parts.js';
import { t } from '../words.js';

const HOUR = 3600;
const ENDS = [['', t.never], [24 * HOUR, t.inDays(1)], [30 * 24 * HOUR, t.inDays(30)], [90 * 24 * HOUR, t.inDays(90)], [365 * 24 * HOUR, t.inDays(365)]];
const OVERLAPS = [[HOUR, t.inHours(1)], [24 * HOUR, t.inHours(24)], [7 * 24 * HOUR, t.inDays(7)]];
const ROLES = ['query', 'viewer', 'operator', 'admin'];
const at = (sec) => new Date(now() + sec * 1000).toISOString().replace(/\.\d+/, '');
const groupPath = (name) => 'groups/' + name.split('/').map(encodeURIComponent).join('/');

// Shown once: no other reply has it.
function Made({ made, onClose }) {
  return html`<${Dialog} title=${t.keyMade} onClose=${onClose}><p>${t.keyOnce}</p><${Code} text=${made.key} label=${t.key} />
    ${made.fault && html`<${FaultBox} fault=${made.fault} />`}${made.enforced === false && html`<p class="warning">${t.notEnforced}</p>`}
    <button onClick=${onClose}>${t.close}</button></${Dialog}>`;
}

function NewKey({ groups, group, onDone, onClose }) {
  const [state, set] = useState({});
  const own = session.who.group;
  const make = async (e) => {
    e.preventDefault();
    const form = Object.fromEntries(new FormData(e.target));
    const routes = form.routes.split(/[\s,]+/).filter(Boolean);
    const body = { name: form.name.trim(), role: form.role };
    if (form.group) body.group = form.group;
    if (form.principal.trim()) body.principal = form.principal.trim(); else if (!form.group) body.principal = body.name;
    if (routes.length) body.routes = routes;
    if (form.ends) body.expires_at = at(Number(form.ends));
    set({ busy: true });
    try { onDone(await ask('POST', 'keys', { body })); } catch (fault) { set({ fault }); }
  };
  return html`<${Dialog} title=${t.newKey} onClose=${onClose}><form onSubmit=${make}><${FaultBox} fault=${state.fault} />
    <${Field} label=${t.name}><input name="name" required maxlength="255" /></${Field}>
    <${Field} label=${t.role}><select name="role">${ROLES.filter((r) => !own || r !== 'operator').map((r) => html`<option value=${r}>${r}</option>`)}</select></${Field}>
    <${Field} label=${t.group}><select name="group">${!own && html`<option value="">${t.noGroup}</option>`}${groups.map((g) => html`<option value=${g.name} selected=${g.name === group}>${plain(g.name)}</option>`)}</select></${Field}>
    <${Field} label=${t.principal} note=${t.principalNote}><input name="principal" maxlength="255" /></${Field}>
    <${Field} label=${t.onlyRoutes} note=${t.onlyRoutesNote}><input name="routes" /></${Field}>
    <${Field} label=${t.ends}><select name="ends">${ENDS.map(([v, text]) => html`<option value=${v}>${text}</option>`)}</select></${Field}>
    <div class="acts"><button class="go" disabled=${state.busy}>${t.create}</button><button type="button" onClick=${onClose}>${t.cancel}</button></div></form></${Dialog}>`;
}

// A second key like it; the first goes on for a while.
function Rotate({ row, onDone, onClose }) {
  const [state, set] = useState({});
  const run = async (e) => {
    e.preventDefault();
    const { name, principal, role, group, routes, limits, expires_at } = row;
    const body = { name, principal, role, group, routes, limits, expires_at };
    const end = at(Number(new FormData(e.target).get('overlap')));
    set({ busy: true });
    try {
      const made = await ask('POST', 'keys', { body });
      const fault = await ask('PUT', `keys/${encodeURIComponent(row.id)}`, { body: { ...body, expires_at: expires_at && expires_at < end ? expires_at : end } }).then(() => null, (f) => f);
      onDone({ ...made, fault });
    } catch (fault) { set({ fault }); }
  };
  return html`<${Dialog} title=${`${t.rotate} ${plain(row.name)}`} onClose=${onClose}><form onSubmit=${run}><p>${t.rotateNote}</p><${FaultBox} fault=${state.fault} />
    <${Field} label=${t.oldEnds}><select name="overlap">${OVERLAPS.map(([v, text]) => html`<option value=${v} selected=${v === 24 * HOUR}>${text}</option>`)}</select></${Field}>
    <div class="acts"><button class="go" disabled=${state.busy}>${t.rotate}</button><button type="button" onClick=${onClose}>${t.cancel}</button></div></form></${Dialog}>`;
}

function NewGroup({ group, onDone, onClose }) {
  const [state, set] = useState({});
  const make = async (e) => {
    e.preventDefault();
    set({ busy: true });
    try { await ask('POST', 'groups', { body: { name: new FormData(e.target).get('name').trim() } }); onDone(); } catch (fault) { set({ fault }); }
  };
  return html`<${Dialog} title=${t.newGroup} onClose=${onClose}><form onSubmit=${make}><${FaultBox} fault=${state.fault} />
    <${Field} label=${t.name} note=${t.groupNote}><input name="name" required defaultValue=${group ? group + '/' : ''} /></${Field}>
    <div class="acts"><button class="go" disabled=${state.busy}>${t.create}</button><button type="button" onClick=${onClose}>${t.cancel}</button></div></form></${Dialog}>`;
}

// Groups below their parents.
function treeOf(groups) {
  const all = new Map(groups.map((g) => [g.name, { ...g, below: [] }])), top = [];
  for (const node of all.values()) {
    const parent = all.get(node.name.split('/').slice(0, -1).join('/'));
    (parent ? parent.below : top).push(node);
  }
  return top;
}

function Tree({ nodes, chosen, cost }) {
  return html`<ul class="tree">${nodes.map((g) => html`<li><div class="leaf"><a href=${to('keys', [], { group: g.name })} aria-current=${g.name === chosen ? 'true' : undefined}><bdi>${plain(g.name.split('/').at(-1))}</bdi></a><small><${Name} of=${limitsText(g.limits)} none="" /></small><span class="num">${money(cost.get(g.name) ?? 0)}</span></div>
    ${g.below.length > 0 && html`<${Tree} nodes=${g.below} chosen=${chosen} cost=${cost} />`}</li>`)}</ul>`;
}

function Group({ name, acts }) {
  const of = useAsk((s) => get(groupPath(name), {}, s), [name]);
  return html`<${Asked} of=${of}>${(group) => html`<section><h2><bdi>${plain(name)}</bdi></h2>
    <${Table} label=${t.limits} columns=${countColumns} rows=${group.counts ?? []} empty=${t.noLimits} />
    <div class="bar">${group.owner === 'api' ? html`<button onClick=${() => acts('limits')}>${t.limits}</button><button class="bad" onClick=${() => acts('ungroup')}>${t.delete}</button>` : html`<span class="note">${t.inFile}</span>`}<a href=${to('requests', [], { group: name })}>${t.requests}</a></div></section>`}</${Asked}>`;
}

const monthStart = () => { const d = new Date(now()); d.setHours(0, 0, 0, 0); d.setDate(1); return Math.floor(d / 1000); };
const costsBy = async (by, signal) => new Map((await usage({ by, from: monthStart() }, signal)).usage.map((r) => [r[by], r.cost]));

export default function Keys({ where }) {
  const chosen = where.query.group ?? '', q = where.query.q ?? '';
  const keys = useAll('keys', 'keys'), groups = useAll('groups', 'groups');
  const costs = useAsk((s) => Promise.all([costsBy('key', s), costsBy('group', s)]), []);
  const [ofKey, ofGroup] = costs.data ?? [new Map(), new Map()];
  const [open, set] = useState(null);
  const close = () => set(null);
  const done = (what) => () => { set(null); what.again(); say(t.done); };
  const made = (key) => { keys.again(); set({ made: key }); };
  const tree = useMemo(() => treeOf(groups.rows), [groups.rows]);
  const total = useMemo(() => { // a group's own and that of those in it
    const sum = new Map();
    for (const [name, cost] of ofGroup) for (let at = name; at; at = at.split('/').slice(0, -1).join('/')) sum.set(at, (sum.get(at) ?? 0) + (cost ?? 0));
    return sum;
  }, [costs.data]);
  const rows = keys.rows.filter((r) => (!chosen || r.group === chosen || r.group?.startsWith(chosen + '/')) && (!q || `${r.name} ${r.principal} ${r.id}`.toLowerCase().includes(q.toLowerCase())));
  const columns = [
    { key: 'name', label: t.name }, { key: 'id', label: 'Id' },
    { key: 'do', label: t.action, csv: () => '', cell: (r) => (r.owner === 'api' ? html`<button class="plain" onClick=${() => set({ rotate: r })}>${t.rotate}</button> <button class="plain bad" onClick=${() => set({ revoke: r })}>${t.revoke}</button>` : html`<span class="faint">${t.ofFile}</span>`) },
    { key: 'principal', label: t.principal }, { key: 'role', label: t.role, cell: (r) => r.role },
    { key: 'group', label: t.group },
    { key: 'cost', label: t.month, num: true, cell: (r) => money(ofKey.get(r.id) ?? 0), csv: (r) => ofKey.get(r.id) ?? 0 },
    { key: 'limits', label: t.limits, cell: (r) => html`<${Name} of=${limitsText(r.limits)} />`, csv: (r) => limitsText(r.limits) },
    { key: 'routes', label: t.onlyRoutes, cell: (r) => html`<${Name} of=${r.routes?.join(', ')} none=${t.all} />`, csv: (r) => r.routes?.join(' ') },
    { key: 'last_used_at', label: t.lastUsed, cell: (r) => html`<${Ago} of=${r.last_used_at} />` },
    { key: 'expires_at', label: t.ends, cell: (r) => (r.expires_at ? html`<${Time} of=${r.expires_at} /> ${Date.parse(r.expires_at) < now() && html`<${Tag} kind="bad">${t.over}</${Tag}>`}` : html`<span class="faint">${t.never}</span>`) },
  ];
  const enforced = keys.data?.enforced;
  return html`<${Head} title=${t.keys} csv=${() => tableCsv(columns.filter((c) => c.key !== 'do'), rows)} command=${chosen ? command('groups get', [chosen]) : 'sluice keys list'}>
      <button class="go" onClick=${() => set({ key: true })}>${t.newKey}</button><button onClick=${() => set({ group: true })}>${t.newGroup}</button></${Head}>
    ${enforced === false && html`<p class="warning">${t.notEnforced}</p>`}
    <section><h2>${t.groups}</h2><${FaultBox} fault=${groups.fault} again=${groups.again} />
      ${tree.length ? html`<p><a href=${to('keys')} aria-current=${chosen ? undefined : 'true'}>${t.allKeys}</a></p><${Tree} nodes=${tree} chosen=${chosen} cost=${total} />` : !groups.busy && html`<p class="note">${t.emptyGroups}</p>`}</section>
    ${chosen && html`<${Group} key=${chosen + (open ? 1 : 0)} name=${chosen} acts=${(what) => set({ [what]: chosen })} />`}
    <h2>${t.keysOnly}</h2><div class="bar"><input type="search" aria-label=${t.filter} placeholder=${t.filter} value=${q} onInput=${(e) => put({ q: e.target.value })} /><span class="note">${count(rows.length)}</span></div>
    <${FaultBox} fault=${keys.fault ?? costs.fault} again=${keys.again} />
    <${Table} label=${t.keys} columns=${columns} rows=${rows} id=${(r) => r.id} busy=${keys.busy} empty=${q || chosen ? t.noneFit : t.emptyKeys} />
    ${open?.key && html`<${NewKey} groups=${groups.rows} group=${chosen || session.who.group} onDone=${made} onClose=${close} />`}
    ${open?.made && html`<${Made} made=${open.made} onClose=${close} />`}
    ${open?.rotate && html`<${Rotate} row=${open.rotate} onDone=${made} onClose=${close} />`}
    ${open?.revoke && html`<${Sure} title=${t.revoke} text=${t.revokeKey(plain(open.revoke.name), open.revoke.id)} act=${t.revoke} does=${() => ask('DELETE', `keys/${encodeURIComponent(open.revoke.id)}`)} onClose=${(is) => (is ? done(keys)() : close())} />`}
    ${open?.group && html`<${NewGroup} group=${chosen} onDone=${done(groups)} onClose=${close} />`}
    ${open?.limits && html`<${EditLimits} name=${open.limits} path=${groupPath(open.limits)} onDone=${done(groups)} onClose=${close} />`}
    ${open?.ungroup && html`<${Sure} title=${t.delete} text=${t.deleteGroup(plain(open.ungroup))} act=${t.delete} does=${() => ask('DELETE', groupPath(open.ungroup))} onClose=${(is) => { if (is) { done(groups)(); put({ group: '' }); } else close(); }} />`}`;
}
