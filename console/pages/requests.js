// SPDX-License-Identifier: Apache-2.0
// The calls of models, newest first; and the story of one.
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { events, get, member, root, send } from '../api.js';
import { arg, command, count, fromOf, money, msec, none, plain, time } from '../format.js';
import { Asked, Choice, Code, Copy, FaultBox, Head, Name, Table, Tag, Time, go, put, tableCsv, to, useAsk } from '../parts.js';
import { Period, nearColumns, periodOf } from './overview.js';
import { t } from '../words.js';

const PAGE = 100;
const KEPT = 5000; // rows of a live list
const FILTERS = ['route', 'status', 'error_type', 'provider', 'model', 'target', 'group', 'key', 'principal', 'session', 'stream', 'min_ms'];
const FACETS = ['status', 'error_type', 'route', 'model', 'provider', 'key', 'group', 'stream'];
const LABEL = { status: t.statusWord, error_type: t.errorType, min_ms: t.minMs, route: t.route, provider: t.provider, model: t.model, target: t.target, group: t.group, key: t.key, principal: t.principal, session: t.session, stream: t.stream };

const kindOf = (status) => (status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good');
const tokens = (r) => (r.input_tokens === undefined && r.output_tokens === undefined ? none : `${count(r.input_tokens ?? 0)} → ${count(r.output_tokens ?? 0)}`);

export const columns = [
  { key: 'time', label: t.time, cell: (r) => html`<a href=${to('requests', [r.id])}><${Time} of=${r.time} /></a>` },
  { key: 'status', label: t.statusWord, cell: (r) => html`<span class=${kindOf(r.status)}>${r.status}</span>` },
  { key: 'error_type', label: t.error, cell: (r) => r.error_type && html`<${Name} of=${r.error_type} />` },
  { key: 'route', label: t.route },
  { key: 'model', label: t.model, cell: (r) => html`<${Name} of=${r.model} />` },
  { key: 'principal', label: t.principal },
  { key: 'duration_ms', label: t.duration, num: true, cell: (r) => msec(r.duration_ms) },
  { key: 'first_byte_ms', label: t.first, num: true, cell: (r) => msec(r.first_byte_ms) },
  { key: 'tokens', label: t.tokens, num: true, cell: tokens, csv: (r) => (r.input_tokens ?? 0) + (r.output_tokens ?? 0) },
  { key: 'cost', label: t.cost, num: true, cell: (r) => money(r.cost) },
];

const filtersOf = (query) => Object.fromEntries(FILTERS.filter((f) => f in query).map((f) => [f, query[f]]));

function logsOf(filters, query, period) {
  const { stream, error_type, min_ms, ...same } = filters;
  return command(query.live ? 'logs -f' : 'logs', [], { ...same, 'error-type': error_type, 'min-ms': min_ms, since: query.since === period.since && !period.isOwn && period.since });
}

// New rows, as they come: many at once are drawn at once, newest first.
function useTail(isOn, filters, period, onRows, onOpen) {
  const [note, say] = useState('');
  useEffect(() => {
    if (!isOn) return undefined;
    const stop = new AbortController();
    let timer, draws, fresh = [];
    const draw = () => { draws = 0; onRows(fresh); fresh = []; };
    const run = async () => {
      try {
        const reply = await send('GET', 'requests/tail', { query: filters, signal: stop.signal, headers: { accept: 'text/event-stream' } });
        say(t.liveOn);
        onOpen();
        for await (const data of events(reply)) {
          fresh.unshift(JSON.parse(data).request);
          draws ||= setTimeout(draw, 100);
        }
      } catch (fault) {
        if (stop.signal.aborted) return;
        if (fault.status === 401) return;
      }
      if (stop.signal.aborted) return;
      say(t.liveLost);
      timer = setTimeout(run, 3000);
    };
    run();
    return () => { stop.abort(); clearTimeout(timer); clearTimeout(draws); say(''); };
  }, [isOn, JSON.stringify(filters), period.since, period.isOwn && period.from, period.until]);
  return note;
}

function Facets({ query, filters, period }) {
  const of = useAsk((s) => get('requests/facets', { by: FACETS.join(','), limit: 8, ...period.query, ...filters }, s), [JSON.stringify(query)]);
  return html`<${Asked} of=${of}>${(data) => html`<div class="tiles">${FACETS.map((name) => {
    const { values, others } = member(data, 'facets')[name];
    return values.length > 0 && html`<fieldset class="facet"><legend class="faint">${LABEL[name]}</legend><ul>${values.map((v) => html`<li>
      <button class="plain" onClick=${() => put({ [name]: v.value ?? '' })}><${Name} of=${v.value} none=${t.empty} /></button><span>${count(v.requests)}</span></li>`)}
      ${others > 0 && html`<li><span class="faint">${t.others}</span><span>${count(others)}</span></li>`}</ul></fieldset>`;
  })}</div>`}</${Asked}>`;
}

// Counted only when somebody wants to see it: with a large log that takes a while.
function Counts(props) {
  const [isOpen, open] = useState(false);
  return html`<details onToggle=${(e) => open(e.target.open)}><summary>${t.facets}</summary>${isOpen && html`<${Facets} ...${props} />`}</details>`;
}

function Filters({ query, filters }) {
  const [more, set] = useState('principal');
  const enter = (e) => { e.preventDefault(); const form = new FormData(e.target); put({ [form.get('by')]: form.get('value').trim() }); e.target.reset(); };
  const find = (e) => { e.preventDefault(); const id = new FormData(e.target).get('id').trim(); if (id) go(to('requests', [id])); };
  return html`<div class="bar">
      <form class="acts" onSubmit=${enter}><select name="by" aria-label=${t.by} onChange=${(e) => set(e.target.value)}>${FILTERS.map((f) => html`<option value=${f} selected=${f === more}>${LABEL[f]}</option>`)}</select>
        <input name="value" aria-label=${LABEL[more]} placeholder=${more === 'status' ? '5xx' : ''} /></form>
      <form onSubmit=${find}><input name="id" aria-label=${t.find} placeholder=${t.find} /></form>
      ${Object.entries(filters).map(([k, v]) => html`<button class="on" onClick=${() => put({ [k]: undefined })} aria-label=${`${LABEL[k]} ${plain(v)}: ${t.reset}`}>${LABEL[k]}: <bdi>${plain(v) || t.empty}</bdi> ×</button>`)}
      ${Object.keys(filters).length > 1 && html`<button onClick=${() => put(Object.fromEntries(FILTERS.map((f) => [f, undefined])))}>${t.reset}</button>`}
    </div>`;
}

function List({ where }) {
  const { query } = where, filters = filtersOf(query), period = periodOf(query, '24h');
  const [state, set] = useState({ rows: [] });
  const asked = useRef({ n: 0 });
  const key = JSON.stringify([filters, period.since, period.isOwn && period.from, period.until]);
  const load = async (cursor) => {
    const mine = asked.current;
    mine.busy = true;
    set((old) => ({ ...old, busy: true, fault: null }));
    try {
      const page = await get('requests', { limit: PAGE, cursor, ...period.query, ...filters }, mine.stop.signal);
      const rows = member(page, 'requests');
      set((old) => ({ rows: [...(cursor ? old.rows : old.rows.filter((o) => !rows.some((r) => r.id === o.id))), ...rows], next: page.next_cursor, until: page.searched_until }));
    } catch (fault) {
      if (!mine.stop.signal.aborted) set((old) => ({ ...old, busy: false, fault }));
    }
    mine.busy = false;
  };
  useEffect(() => {
    asked.current = { stop: new AbortController() };
    set({ rows: [] });
    load();
    return () => asked.current.stop.abort();
  }, [key]);
  const isLive = Boolean(query.live);
  const above = (fresh) => set((old) => {
    const has = new Set(old.rows.map((r) => r.id)), rows = [...fresh.filter((r) => !has.has(r.id)), ...old.rows];
    return { ...old, rows: rows.slice(0, KEPT), next: rows.length > KEPT ? null : old.next }; // behind a gap nothing goes on
  });
  // What ended before the list was live, or while it was not.
  const missed = () => get('requests', { limit: PAGE, ...period.query, ...filters }, asked.current.stop.signal).then((page) => above(page.requests), () => {});
  const note = useTail(isLive, filters, period, above, missed);
  const onEnd = () => { if (state.next && !asked.current.busy && !state.fault) load(state.next); };
  return html`<${Head} title=${t.requests} csv=${() => tableCsv(columns, state.rows)} command=${logsOf(filters, query, period)}>
      <button aria-pressed=${isLive} onClick=${() => put({ live: isLive ? '' : '1' })}>${t.live}</button><${Period} period=${period} /></${Head}>
    <${Filters} query=${query} filters=${filters} />
    <${Counts} query=${query} filters=${filters} period=${period} />
    <${FaultBox} fault=${state.fault} again=${() => load(state.next)} />
    <${Table} label=${t.requests} columns=${columns} rows=${state.rows} id=${(r) => r.id} onEnd=${onEnd} busy=${state.busy} empty=${t.emptyRequests} />
    <p class="note" role="status">${note} ${!state.busy && state.until && state.next ? html`${t.searched(time(state.until))} <button onClick=${() => load(state.next)}>${t.more}</button>` : ''}</p>`;
}

// --- one call ---

// Parts of the time, each with where it began; attempts follow each other, except hedges.
function stepsOf(row) {
  const steps = [], whole = row.duration_ms || 1;
  let at = 0;
  const add = (label, ms, parts, kind) => { steps.push({ label, ms, at, parts: parts ?? [[kind, ms]] }); at += ms; };
  if (row.body_ms) add(t.bodyIn, row.body_ms, null, 'wait');
  if (row.queue_ms) add(t.queued, row.queue_ms, null, 'wait');
  // The log has no times between attempts: what is left over was spent before the last of several.
  const spent = row.attempts.reduce((n, a) => n + (a.total_ms ?? 0), at), hasHedge = row.attempts.some((a) => a.why === 'hedge');
  for (const a of row.attempts) {
    if (a === row.attempts.at(-1) && row.attempts.length > 1 && !hasHedge && whole - spent > 1) add(t.paused, whole - spent, null, 'wait');
    const ms = a.total_ms ?? 0, first = Math.min(ms, a.first_byte_ms ?? ms), dial = Math.min(first, a.connect_ms ?? 0);
    const start = at;
    if (a.why === 'hedge') at = Math.max(0, Math.min(at, whole - ms));
    add([a.target ?? a.provider, t.why[a.why] ?? a.why].filter(Boolean).join(', '), ms, a.error_type ? [['bad', ms]] : [['wait', dial], ['', first - dial], ['reply', ms - first]]);
    Object.assign(steps.at(-1), { attempt: a });
    if (a.why === 'hedge') at = Math.max(start, at);
  }
  return { steps, whole: Math.max(whole, at) };
}

function Story({ row }) {
  const { steps, whole } = stepsOf(row);
  const pct = (ms) => `${(100 * ms) / whole}%`;
  return html`<section><h2>${t.story}</h2><div>${steps.map((s) => {
    let at = s.at;
    return html`<div class="step"><span><bdi>${plain(s.label)}</bdi>${s.attempt?.error_type && html` <span class="bad">${s.attempt.status ?? ''} ${s.attempt.error_type}</span>`}${s.attempt?.beaten && html` <span class="faint">${t.beaten}</span>`}</span>
      <div class="line" aria-hidden="true">${s.parts.map(([kind, ms]) => { const left = at; at += ms; return ms > 0 && html`<i class=${kind} style=${{ left: pct(left), width: pct(ms) }}></i>`; })}</div><span class="num">${msec(s.ms)}</span>
      ${s.attempt?.error && html`<small class="bad">${plain(s.attempt.error)}</small>`}</div>`;
  })}</div>
  <p class="note key"><i style=${{ background: 'var(--faint)' }}></i>${t.connect}  <i style=${{ background: 'var(--a)' }}></i>${t.waiting}  <i style=${{ background: 'var(--c)' }}></i>${t.answering}</p></section>`;
}

function curlOf(row) {
  const isMessages = row.path?.endsWith('/messages');
  const body = JSON.stringify({ model: row.route, ...(isMessages ? { max_tokens: 256 } : {}), messages: [{ role: 'user', content: 'hello' }], ...(row.stream ? { stream: true } : {}) });
  return `curl ${arg(new URL('.' + (row.path ?? '/v1/chat/completions'), root).href)} \\\n  -H "Authorization: Bearer $SLUICE_KEY" -H 'content-type: application/json' \\\n  -d ${arg(body)}`;
}

function One({ row }) {
  const link = (name, key = name) => row[key] && html`<a href=${to('requests', [], { [name]: row[key] })}><${Name} of=${row[key]} /></a>`;
  const facts = [
    [t.time, html`<${Time} of=${row.time} />`],
    [t.statusWord, html`<span class=${kindOf(row.status)}>${row.status}</span> ${link('error_type')}`],
    [t.told, row.message && plain(row.message)], [t.error, row.error && plain(row.error)], [t.upstreamSaid, row.upstream_error && html`<bdi>${plain(row.upstream_error)}</bdi>`],
    [t.route, link('route')], [t.provider, link('provider')], [t.model, link('model')], [t.target, link('target')], [t.path, row.path && html`<code>${plain(row.path)}</code>`],
    [t.principal, link('principal')], [t.key, link('key')], [t.group, link('group')], [t.session, link('session')], [t.client, row.client && plain(row.client)],
    [t.duration, `${msec(row.duration_ms)}, ${t.first.toLowerCase()} ${msec(row.first_byte_ms)}`],
    [t.tokens, `${tokens(row)}${row.cached_tokens ? `, ${t.cached.toLowerCase()} ${count(row.cached_tokens)}` : ''}${row.reasoning_tokens ? `, ${t.reasoning.toLowerCase()} ${count(row.reasoning_tokens)}` : ''}`],
    [t.cost, money(row.cost)], [t.stream, row.stream ? t.yes : t.no], [t.dropped, row.dropped && plain(row.dropped)],
    [t.passed, row.passed?.map((p) => `${plain(p.target)} (${plain(p.why)})`).join(', ')],
    ['x-sluice-id', html`<code>${row.id}</code>`], ['x-request-id', html`<code>${plain(row.request_id)}</code>`],
    ['x-sluice-upstream-request-id', row.upstream_request_id && html`<code>${plain(row.upstream_request_id)}</code>`],
  ];
  return html`<${Story} row=${row} />
    <section><h2>${t.facts}</h2><dl class="facts">${facts.filter(([, v]) => v).map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl></section>
    ${row.limits && html`<section><h2>${t.limitsThen}</h2><${Table} label=${t.limitsThen} columns=${nearColumns} rows=${row.limits} /></section>`}
    <div class="acts"><${Copy} text=${curlOf(row)} label=${t.asCurl} /><span class="note">${t.curlNote}</span></div>
    <details><summary>${t.raw}</summary><${Code} text=${JSON.stringify(row, null, 2)} label=${t.raw} /></details>`;
}

function Request({ id }) {
  const of = useAsk((s) => get(`requests/${encodeURIComponent(id)}`, {}, s), [id]);
  return html`<${Head} title=${plain(id)} command=${command('explain', [id])}><a href=${to('requests')}>${t.requests}</a></${Head}>
    <${Asked} of=${of}>${(data) => (data.requests ? html`<p>${t.several(data.requests.length)}</p><${Table} label=${t.requests} columns=${columns} rows=${data.requests} id=${(r) => r.id} />` : html`<${One} row=${data} />`)}</${Asked}>`;
}

export default function Requests({ where }) {
  return where.rest[0] ? html`<${Request} id=${where.rest[0]} />` : html`<${List} where=${where} />`;
}
