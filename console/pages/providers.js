// SPDX-License-Identifier: Apache-2.0
// Who answers: the state of each provider, its last error, and a test that costs nothing.
import { html, useState } from '../vendor/htm-preact.js';
import { ask, may } from '../api.js';
import { count, msec, plain } from '../format.js';
import { useAll } from '../lists.js';
import { Ago, FaultBox, Head, Name, Table, Tag, say, tableCsv, to } from '../parts.js';
import { t } from '../words.js';

const KINDS = { up: 'good', part: 'warn', down: 'bad', ok: 'good', warning: 'warn', error: 'bad' };

function Test({ name }) {
  const [state, set] = useState({});
  const run = async () => {
    set({ busy: true });
    try { set({ said: await ask('POST', `providers/${encodeURIComponent(name)}/test`, { body: {} }) }); } catch (fault) { set({ fault }); }
    say(t.done);
  };
  return html`<div class="bar"><button disabled=${state.busy} onClick=${run}>${state.busy ? t.testing : t.test}</button><span class="note">${t.testNote}</span></div><${FaultBox} fault=${state.fault} />
    ${state.said && html`<ul>${state.said.upstreams.map((u) => html`<li><${Tag} kind=${KINDS[u.state]}>${u.state}</${Tag}> <${Name} of=${u.target ? `${u.route}/${u.target}` : u.route} />: ${plain(u.text)} ${u.status ?? ''} ${msec(u.ms)} ${u.advice && html`<small>${plain(u.advice)}</small>`}</li>`)}</ul>`}`;
}

const Fail = ({ of }) => (of ? html`<span class="bad">${of.type}</span> ${of.status ?? ''} <${Ago} of=${of.at} /> <${Name} of=${of.text} none="" />` : html`<span class="faint">–</span>`);
const columns = [
  { key: 'route', label: t.route, cell: (r) => html`<a href=${may.operate() ? to('routes', [r.route]) : to('requests', [], { route: r.route })}><${Name} of=${r.route} /></a>` },
  { key: 'target', label: t.target }, { key: 'model', label: t.model }, { key: 'host', label: t.host },
  { key: 'state', label: t.state, cell: (r) => (r.health === 'down' ? html`<span class="bad">${t.down}</span>` : r.state ? html`<span class=${r.state === 'closed' ? 'good' : 'bad'}>${r.state}</span>` : html`<span class="faint">–</span>`) },
  { key: 'in_flight', label: t.running, num: true, cell: (r) => count(r.in_flight) },
  { key: 'last_error', label: t.lastError, cell: (r) => html`<${Fail} of=${r.last_error} />`, csv: (r) => r.last_error?.type },
];

export default function Providers() {
  const of = useAll('providers', 'providers');
  const csv = () => tableCsv([{ key: 'provider' }, ...columns], of.rows.flatMap((p) => p.targets.map((r) => ({ provider: p.name, ...r }))));
  return html`<${Head} title=${t.providers} csv=${csv} command="sluice doctor" /><${FaultBox} fault=${of.fault} again=${of.again} />
    ${of.rows.map((p) => html`<section key=${p.name}><h2><bdi>${plain(p.label ?? p.name)}</bdi> <${Tag} kind=${KINDS[p.state]}>${t.states[p.state ?? 'unknown']}</${Tag}></h2>
      <${Table} label=${plain(p.name)} columns=${columns} rows=${p.targets} id=${(r) => `${r.route}/${r.target}`} />
      ${may.operate() && html`<${Test} name=${p.name} />`}</section>`)}
    ${!of.busy && !of.fault && !of.rows.length && html`<p class="note">${t.emptyProviders}</p>`}`;
}
