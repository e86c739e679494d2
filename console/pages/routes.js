// SPDX-License-Identifier: Apache-2.0
// Routes: the list, one of them, and changing them.
import { html, useState } from '../vendor/htm-preact.js';
import { ask, get, may, member, root } from '../api.js';
import { arg, command, count, none, plain } from '../format.js';
import { countColumns, limitsText, useAll } from '../lists.js';
import { Asked, Code, FaultBox, Field, Head, Name, Sure, Table, Tag, Time, go, put, say, tableCsv, to, useAsk } from '../parts.js';
import { t } from '../words.js';

const MLFLOW = '/api/2.0/gateway/routes/';
const pathOf = (name) => `routes/${encodeURIComponent(name)}`;

const columns = [
  { key: 'name', label: t.name, cell: (r) => html`<a href=${to('routes', [r.name])}><${Name} of=${r.name} /></a>` },
  { key: 'route_type', label: t.type, cell: (r) => r.route_type.replace('llm/v1/', '') },
  { key: 'provider', label: t.provider, cell: (r) => html`<${Name} of=${r.model?.provider} />`, csv: (r) => r.model?.provider },
  { key: 'model', label: t.model, cell: (r) => html`<${Name} of=${r.model?.name} />`, csv: (r) => r.model?.name },
  { key: 'targets', label: t.targets, num: true, cell: (r) => r.targets?.length ?? 1, csv: (r) => r.targets?.length ?? 1 },
  { key: 'limits', label: t.limits, cell: (r) => html`<${Name} of=${limitsText(r.limits)} />`, csv: (r) => limitsText(r.limits) },
  { key: 'owner', label: t.owner, cell: (r) => html`${r.owner === 'file' ? t.ofFile : t.ofCall} ${r.shadowed ? html`<${Tag} kind="warn">${t.shadowed}</${Tag}>` : ''}` },
  { key: 'defined_at', label: t.definedAt },
];

function List({ where }) {
  const of = useAll('routes', 'routes'), q = where.query.q ?? '';
  const rows = q ? of.rows.filter((r) => `${r.name} ${r.model?.provider} ${r.model?.name}`.toLowerCase().includes(q.toLowerCase())) : of.rows;
  return html`<${Head} title=${t.routes} csv=${() => tableCsv(columns, rows)} command="sluice routes list"><a href=${to('routes', [], { new: 1 })}>${t.newRoute}</a></${Head}>
    <div class="bar"><input type="search" aria-label=${t.filter} placeholder=${t.filter} value=${q} onInput=${(e) => put({ q: e.target.value })} /><span class="note">${count(rows.length)}</span></div>
    <${FaultBox} fault=${of.fault} again=${of.again} />
    <${Table} label=${t.routes} columns=${columns} rows=${rows} id=${(r) => r.name + r.owner} busy=${of.busy} empty=${q ? t.noneFit : t.emptyRoutes} />`;
}

// --- snippets ---

function snippets(route) {
  const name = route.name, base = root.href.replace(/\/$/, '');
  return {
    curl: `curl ${arg(`${base}/v1/chat/completions`)} -H "Authorization: Bearer $SLUICE_KEY" -H 'content-type: application/json' \\\n  -d ${arg(JSON.stringify({ model: name, messages: [{ role: 'user', content: 'hello' }] }))}`,
    openai: `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key=os.environ.get("SLUICE_KEY", "none"))\nreply = client.chat.completions.create(model="${name}", messages=[{"role": "user", "content": "hello"}])\nprint(reply.choices[0].message.content)`,
    anthropic: `import os\nfrom anthropic import Anthropic\n\nclient = Anthropic(base_url="${base}", api_key=os.environ.get("SLUICE_KEY", "none"))\nreply = client.messages.create(model="${name}", max_tokens=1024, messages=[{"role": "user", "content": "hello"}])\nprint(reply.content[0].text)`,
    mlflow: `from mlflow.deployments import get_deploy_client\n\nclient = get_deploy_client("${base}")\nprint(client.predict(endpoint="${name}", inputs={"messages": [{"role": "user", "content": "hello"}]}))`,
    C: `/* SLUICE_SERVER=${base}; cc hello.c $(pkg-config --cflags --libs libsluice) */\n#include <sluice/chat.h>\n#include <stdio.h>\n\nint main(void)\n{\n    sluice_chat *chat = sluice_chat_new();\n    sluice_client *client = NULL;\n    sluice_result *result = NULL;\n\n    sluice_chat_add(chat, "user", "hello");\n    if (sluice_open(NULL, &client, NULL) == 0 && sluice_chat_query(client, "${name}", chat, &result, NULL) == 0) {\n        puts(sluice_result_text(result, NULL));\n    }\n    sluice_result_free(result);\n    sluice_close(client);\n    sluice_chat_free(chat);\n    return 0;\n}`,
  };
}

function Snippets({ route }) {
  const [tab, set] = useState('curl'), all = snippets(route);
  return html`<section><h2>${t.snippets}</h2><div class="bar" role="group" aria-label=${t.snippets}>${Object.keys(all).map((name) => html`<button aria-pressed=${name === tab} onClick=${() => set(name)}>${name}</button>`)}</div>
    <${Code} text=${all[tab]} label=${tab} /></section>`;
}

// --- changing one ---

const PARTS = ['route_type', 'model', 'limit', 'limits', 'sluice'];
// What a PUT takes, of what GET shows.
const bodyOf = (route) => JSON.stringify(Object.fromEntries(PARTS.filter((k) => route[k] !== undefined && route[k] !== null).map((k) => [k, route[k]])), null, 2);
const FRESH = JSON.stringify({ route_type: 'llm/v1/chat', model: { provider: 'openai', name: 'gpt-4.1-mini', config: { openai_api_key: '' } }, limits: [] }, null, 2);

function parsed(text) {
  try { return JSON.parse(text); } catch (e) { throw new Error(t.noJson(e.message)); }
}

function Create() {
  const [state, set] = useState({});
  const make = async (e) => {
    e.preventDefault();
    const form = new FormData(e.target), name = form.get('name').trim();
    set({ busy: true });
    try {
      await ask('POST', MLFLOW, { body: { ...parsed(form.get('body')), name } });
      say(t.done);
      go(to('routes', [name]));
    } catch (fault) { set({ fault }); }
  };
  return html`<${Head} title=${t.newRoute} command="sluice routes create --name NAME --provider PROVIDER --model MODEL --set 'KEY=$SECRET'" />
    <form onSubmit=${make}><${FaultBox} fault=${state.fault} />
      <${Field} label=${t.name}><input name="name" required pattern="[A-Za-z0-9_.\\-]+" /></${Field}>
      <${Field} label=${t.definition} note=${t.definitionNote}><textarea name="body" rows="14" spellcheck="false" defaultValue=${FRESH}></textarea></${Field}>
      <div class="acts"><button class="go" disabled=${state.busy}>${t.create}</button><a href=${to('routes')}>${t.cancel}</a></div></form>`;
}

function Edit({ route, tag, onDone }) {
  const [state, set] = useState({ text: bodyOf(route), tag });
  const save = async (withTag) => {
    set((old) => ({ ...old, busy: true, fault: null }));
    try {
      await ask('PUT', pathOf(route.name), { body: parsed(state.text), headers: { 'if-match': withTag } });
      say(t.done);
      onDone();
    } catch (fault) {
      if (fault.status !== 412) return set((old) => ({ ...old, busy: false, fault }));
      const [theirs, newest] = await ask('GET', pathOf(route.name), { tag: true });
      set((old) => ({ ...old, busy: false, theirs, newest }));
    }
    return undefined;
  };
  return html`<form onSubmit=${(e) => { e.preventDefault(); save(state.tag); }}><${FaultBox} fault=${state.fault} />
    ${state.theirs && html`<div class="warning" role="alert"><p>${t.changedMeanwhile}</p></div>`}
    <div class="two"><${Field} label=${state.theirs ? t.yours : t.definition} note=${t.keptSecrets}><textarea rows="16" spellcheck="false" value=${state.text} onInput=${(e) => set({ ...state, text: e.target.value })}></textarea></${Field}>
      ${state.theirs && html`<section><h2>${t.theirs}</h2><${Code} text=${bodyOf(state.theirs)} label=${t.theirs} /></section>`}</div>
    <div class="acts">${state.theirs ? html`
        <button type="button" onClick=${() => set({ text: bodyOf(state.theirs), tag: state.newest })}>${t.takeTheirs}</button>
        <button type="button" class="bad" disabled=${state.busy} onClick=${() => save(state.newest)}>${t.saveMine}</button>`
      : html`<button class="go" disabled=${state.busy}>${t.save}</button>`}
      <button type="button" onClick=${onDone}>${t.cancel}</button></div></form>`;
}

const targetColumns = [
  { key: 'target', label: t.target }, { key: 'provider', label: t.provider }, { key: 'model', label: t.model },
  { key: 'weight', label: t.weight, num: true }, { key: 'tier', label: t.tier, num: true, cell: (r) => r.tier },
  { key: 'state', label: t.state, cell: (r) => html`<span class=${r.state === 'closed' && r.health !== 'down' ? 'good' : 'bad'}>${r.health === 'down' ? t.down : r.state}</span>` },
  { key: 'in_flight', label: t.running, num: true, cell: (r) => count(r.in_flight) },
];

function Targets({ route }) {
  const of = useAll('targets', 'targets'), [fault, setFault] = useState();
  const reset = async (target) => { try { await ask('POST', `targets/${encodeURIComponent(route)}/${encodeURIComponent(target)}/reset`); of.again(); say(t.done); } catch (f) { setFault(f); } };
  const rows = of.rows.filter((r) => r.route === route);
  return rows.length > 0 && html`<section><h2>${t.targets}</h2><${FaultBox} fault=${fault ?? of.fault} />
    <${Table} label=${t.targets} rows=${rows} id=${(r) => r.target} columns=${[...targetColumns, { key: 'do', label: t.action, cell: (r) => html`<button class="plain" onClick=${() => reset(r.target)}>${t.letIn}</button>` }]} /></section>`;
}

function One({ name }) {
  const of = useAsk((s) => ask('GET', pathOf(name), { tag: true, signal: s }), [name]);
  const limits = useAsk((s) => get(`${pathOf(name)}/limits`, {}, s), [name]);
  const [mode, set] = useState('');
  const close = (isDone) => { set(''); if (isDone === true) go(to('routes')); };
  return html`<${Head} title=${plain(name)} command=${command('routes get', [name])}><a href=${to('routes')}>${t.routes}</a></${Head}>
    <${Asked} of=${of}>${([route, tag]) => (mode === 'edit' ? html`<${Edit} route=${route} tag=${tag} onDone=${() => { set(''); of.again(); limits.again(); }} />` : html`
      <div class="bar">${may.call() && route.route_type === 'llm/v1/chat' && html`<a href=${to('playground', [], { route: name })}>${t.tryIt}</a>`}<a href=${to('requests', [], { route: name })}>${t.requests}</a>
        ${route.owner === 'api' ? html`<button onClick=${() => set('edit')}>${t.edit}</button><button class="bad" onClick=${() => set('delete')}>${t.delete}</button>` : html`<span class="note">${t.inFile}</span>`}</div>
      <dl class="facts"><dt>${t.type}</dt><dd>${route.route_type}</dd><dt>${t.provider}</dt><dd><${Name} of=${route.model?.provider} /></dd><dt>${t.model}</dt><dd><${Name} of=${route.model?.name} /></dd>
        <dt>${t.owner}</dt><dd>${route.owner === 'file' ? html`${t.ofFile}, <code>${plain(route.defined_at)}</code>` : html`${t.ofCall}, ${t.version.toLowerCase()} ${route.version}, <${Time} of=${route.updated_at * 1000} />`}</dd>
        <dt>${t.address}</dt><dd><code>${route.route_url}</code></dd></dl>
      ${route.targets && html`<${Targets} route=${name} />`}
      <section><h2>${t.limits}</h2><${Asked} of=${limits}>${(data) => html`<${Table} label=${t.limits} columns=${countColumns} rows=${member(data, 'counts')} empty=${t.noLimits} />`}</${Asked}></section>
      ${route.route_type === 'llm/v1/chat' && html`<${Snippets} route=${route} />`}
      <details><summary>${t.definition}</summary><${Code} text=${JSON.stringify(route, null, 2)} label=${t.definition} /></details>
      ${mode === 'delete' && html`<${Sure} title=${t.delete} text=${t.deleteRoute(plain(name))} act=${t.delete} does=${() => ask('DELETE', pathOf(name), { headers: tag ? { 'if-match': tag } : {} })} onClose=${close} />`}`)}</${Asked}>`;
}

export default function Routes({ where }) {
  if (where.rest[0]) return html`<${One} name=${where.rest[0]} />`;
  return where.query.new ? html`<${Create} />` : html`<${List} where=${where} />`;
}
