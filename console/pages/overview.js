// SPDX-License-Identifier: Apache-2.0
// How it goes: rates, errors, times, cost, and what needs a look.
import { html, useMemo } from '../vendor/htm-preact.js';
import { get, may, member, now, usage } from '../api.js';
import { brief, count, fromOf, median, money, msec, none, share, spanOf } from '../format.js';
import { Ago, Asked, Choice, Head, Name, Plot, Table, Tag, Time, go, overTime, put, tableCsv, to, useAsk } from '../parts.js';
import { t } from '../words.js';

const NEWEST = 200;
const EVERY = 10000;
const SINCE = ['15m', '1h', '6h', '24h', '7d', '30d'];

export function periodOf(query, fallback) {
  const since = SINCE.includes(query.since) ? query.since : fallback;
  const isOwn = /^\d+$/.test(query.from ?? '');
  const from = isOwn ? Number(query.from) : fromOf(since), until = isOwn && /^\d+$/.test(query.to ?? '') ? Number(query.to) : undefined;
  const sec = isOwn ? (until ?? now() / 1000) - from : spanOf(since);
  return { since, isOwn, from, until, sec, span: sec <= 21600 ? 'minute' : sec <= 8 * 86400 ? 'hour' : 'day', query: { from, to: until } };
}
export const drawn = (a, b) => put({ from: Math.floor(a), to: Math.ceil(b) });
export function Period({ period }) {
  const of = [...SINCE.map((s) => [s, t.periods[s]]), ...(period.isOwn ? [['own', t.periods.own]] : [])];
  return html`<${Choice} label=${t.period} value=${period.isOwn ? 'own' : period.since} of=${of} onPick=${(v) => v !== 'own' && put({ since: v, from: '', to: '' })} />`;
}

function Tile({ label, children, note, kind = '' }) {
  return html`<div class="tile"><dt>${label}</dt><dd class=${kind}>${children}${note && html`<small class="faint">${note}</small>`}</dd></div>`;
}

const dayStart = (isMonth) => { const d = new Date(now()); d.setHours(0, 0, 0, 0); if (isMonth) d.setDate(1); return Math.floor(d / 1000); };
const sumOf = async (from, signal) => (await usage({ from }, signal)).usage[0] ?? { requests: 0, cost: 0 };
const optional = (promise) => promise.catch((fault) => { if (fault.status && fault.status !== 401) return null; throw fault; });

// The limits that the newest calls came near to, each once, fullest first.
function nearOf(rows) {
  const all = new Map();
  for (const row of rows) {
    for (const limit of row.limits ?? []) {
      const id = [limit.owner, limit.name, limit.route, limit.kind, limit.per].join('\n');
      if (!all.has(id)) all.set(id, { ...limit, id, time: row.time });
    }
  }
  return [...all.values()].sort((a, b) => b.used_percent - a.used_percent);
}

export const nearColumns = [
  { key: 'name', label: t.owner, cell: (r) => html`${r.owner} <${Name} of=${r.name} />${r.route && html`, <${Name} of=${r.route} />`}` },
  { key: 'used_percent', label: t.used, num: true, cell: (r) => html`<span class=${r.used_percent >= 100 ? 'bad' : 'warn'}>${r.used_percent} %</span>` },
  { key: 'cap', label: t.limit, cell: (r) => `${r.kind === 'money' ? money(r.cap) : count(r.cap)} ${r.kind}${r.per ? ` / ${r.per}` : ''}` },
];

function Counts({ label, of, link, empty }) {
  const total = of.values.reduce((n, v) => n + v.requests, of.others);
  return html`<section><h2>${label}</h2><${Table} label=${label} rows=${of.values} empty=${empty} id=${(r) => r.value} columns=${[
    { key: 'value', label: t.name, cell: (r) => html`<a href=${link(r.value)}><${Name} of=${r.value} none=${t.empty} /></a>` },
    { key: 'requests', label: t.calls, num: true, cell: (r) => count(r.requests) },
    { key: 'share', label: t.share, num: true, cell: (r) => share(r.requests / total) },
  ]} /></section>`;
}

function Plots({ report, period }) {
  const plots = useMemo(() => {
    const { x, of } = overTime(report.usage, period.span, period.from, period.until);
    return [
      [t.plotCalls, x, [{ label: t.calls, values: of('requests'), colour: '--a', say: brief, least: 4 }, { label: t.errors, values: of('errors'), colour: '--b', say: brief }]],
      [t.plotTokens, x, [{ label: t.tokensIn, values: of('input_tokens'), colour: '--a', say: brief, least: 4 }, { label: t.tokensOut, values: of('output_tokens'), colour: '--c', say: brief }]],
      [t.plotCost, x, [{ label: t.cost, values: of('cost'), colour: '--c', say: money }]],
    ];
  }, [report]);
  return html`<div class="plots">${plots.map(([label, x, series]) => html`<${Plot} label=${label} x=${x} series=${series} onDrag=${drawn} />`)}</div>
    <p class="note">${t.drag}</p>`;
}

function Gateway({ status }) {
  const reload = status.configuration?.last_reload;
  const isUp = (v) => (v ? html`<span class="good">${t.up}</span>` : html`<span class="bad">${t.down}</span>`);
  const facts = [
    [t.version, html`${status.version} ${status.draining && html`<${Tag} kind="warn">${t.draining}</${Tag}>`}`],
    [t.startedAt, html`<${Ago} of=${status.started_at} />`],
    [t.configuration, status.configuration && html`<${Name} of=${status.configuration.file} none=${t.noFileOnDisk} />`],
    [t.loadedAt, status.configuration && html`<${Ago} of=${status.configuration.loaded_at} />`],
    [t.lastReload, reload && html`<${Time} of=${reload.at} /> <${Tag} kind=${reload.ok ? 'good' : 'bad'}>${reload.ok ? t.reloadOk : t.reloadRefused}</${Tag}>`],
    [t.store, status.store_up != null && isUp(status.store_up)],
    [t.counters, status.counters_up != null && isUp(status.counters_up)],
  ];
  return html`<section><h2>${t.gateway}</h2><dl class="facts">${facts.filter(([, v]) => v).map(([k, v]) => html`<dt>${k}</dt><dd>${v}</dd>`)}</dl></section>`;
}

const nodeColumns = [
  { key: 'name', label: t.name }, { key: 'version', label: t.version },
  { key: 'state', label: t.state, cell: (r) => (r.live ? html`<span class=${r.store === 'up' && r.counters !== 'down' ? 'good' : 'bad'}>${r.draining ? t.draining : r.store === 'down' ? `${t.store} ${t.down}` : r.counters === 'down' ? `${t.counters} ${t.down}` : t.up}</span>` : html`<span class="bad">${t.down}</span>`) },
  { key: 'seen_at', label: t.seen, cell: (r) => html`<${Ago} of=${r.seen_at} />` },
];

const targetColumns = [
  { key: 'route', label: t.route, cell: (r) => html`<${Name} of=${r.route} />` },
  { key: 'target', label: t.target },
  { key: 'state', label: t.state, cell: (r) => html`<span class=${r.state === 'closed' && r.health !== 'down' ? 'good' : 'bad'}>${r.health === 'down' ? t.down : r.state}</span>` },
  { key: 'in_flight', label: t.running, num: true, cell: (r) => count(r.in_flight) },
];

export default function Overview({ where }) {
  const period = periodOf(where.query, '1h');
  const deps = [period.since, period.isOwn && period.from, period.until], every = period.until ? 0 : EVERY;
  const report = useAsk((s) => usage({ by: period.span, ...period.query }, s), deps, every);
  const sums = useAsk((s) => Promise.all([sumOf(dayStart(), s), sumOf(dayStart(true), s)]), [], EVERY * 3);
  const newest = useAsk((s) => optional(get('requests', { limit: NEWEST, ...period.query }, s)), deps, every);
  const facets = useAsk((s) => optional(get('requests/facets', { by: 'error_type,route', ...period.query }, s)), deps, period.span === 'minute' ? every * 3 : 0); // counting a long time is work
  const status = useAsk((s) => (may.view() ? optional(get('status', {}, s)) : null), [], EVERY);
  const targets = useAsk((s) => (may.view() ? get('targets', {}, s) : { targets: [] }), [], EVERY);
  const nodes = useAsk((s) => (may.watch() ? optional(get('nodes', {}, s)) : null), [], EVERY);
  const rows = newest.data?.requests ?? [], spent = report.data?.usage ?? [];
  const sum = (key) => spent.reduce((n, r) => n + (r[key] ?? 0), 0);
  const n = sum('requests'), times = (key) => [median(rows.map((r) => r[key]), 0.5), median(rows.map((r) => r[key]), 0.95)];
  const [first, whole] = [times('first_byte_ms'), times('duration_ms')];
  const near = nearOf(rows), resting = (targets.data?.targets ?? []).filter((r) => r.state !== 'closed' || r.health === 'down');
  const csv = () => tableCsv([period.span, 'requests', 'errors', 'input_tokens', 'output_tokens', 'cost'].map((key) => ({ key })), spent);
  return html`<${Head} title=${t.overview} csv=${csv} command="sluice top"><${Period} period=${period} /></${Head}>
    <${Asked} of=${report}>${() => html`<dl class="tiles">
      <${Tile} label=${t.calls} note=${`${(n / Math.max(1, period.sec / 60)).toPrecision(2)} ${t.perMinute}`}>${brief(n)}</${Tile}>
      <${Tile} label=${t.errorRate} kind=${n && sum('errors') / n > 0.05 ? 'bad' : ''} note=${count(sum('errors'))}>${n ? share(sum('errors') / n) : none}</${Tile}>
      <${Tile} label=${t.firstToken} note=${`${t.p95} ${msec(first[1])}`}>${msec(first[0])}</${Tile}>
      <${Tile} label=${t.whole} note=${`${t.p95} ${msec(whole[1])}`}>${msec(whole[0])}</${Tile}>
      <${Tile} label=${t.tokens} note=${`${brief(sum('input_tokens'))} → ${brief(sum('output_tokens'))}`}>${brief(sum('input_tokens') + sum('output_tokens'))}</${Tile}>
      <${Tile} label=${t.today} note=${sums.data && `${brief(sums.data[0].requests)} ${t.calls.toLowerCase()}`}>${money(sums.data?.[0].cost)}</${Tile}>
      <${Tile} label=${t.month} note=${sums.data && `${brief(sums.data[1].requests)} ${t.calls.toLowerCase()}`}>${money(sums.data?.[1].cost)}</${Tile}>
      ${status.data?.in_flight != null && html`<${Tile} label=${t.running} note=${`${count(status.data.connections)} ${t.connections}`}>${count(status.data.in_flight)}</${Tile}>`}
    </dl>
    ${n ? html`<${Plots} report=${report.data} period=${period} />` : html`<p class="note">${t.emptyCalls}</p>`}`}</${Asked}>
    <${Asked} of=${facets}>${(data) => (data ? html`<div class="two">
      <${Counts} label=${t.byError} of=${{ ...member(data, 'facets').error_type, values: data.facets.error_type.values.filter((v) => v.value) }} empty=${t.noErrors} link=${(v) => to('requests', [], { error_type: v, since: period.since })} />
      <${Counts} label=${t.byRoute} of=${data.facets.route} empty=${t.emptyCalls} link=${(v) => to('requests', [], { route: v, since: period.since })} />
      <section><h2>${t.nearLimits}</h2><${Table} label=${t.nearLimits} columns=${nearColumns} rows=${near} id=${(r) => r.id} empty=${t.noneNear} /></section>
      ${targets.data?.targets.length ? html`<section><h2>${t.targets}</h2><${Table} label=${t.targets} columns=${targetColumns} rows=${resting} empty=${t.allUp} /></section>` : null}
      ${nodes.data?.nodes.length > 1 && html`<section><h2>${t.nodes}</h2><${Table} label=${t.nodes} columns=${nodeColumns} rows=${nodes.data.nodes} id=${(r) => r.name} /></section>`}
      ${status.data?.version && html`<${Gateway} status=${status.data} />`}
    </div>${rows.length ? html`<p class="note">${t.firstToken}, ${t.whole}: ${t.ofNewest(rows.length)}.</p>` : null}` : html`<p class="note">${t.noLog}</p>`)}</${Asked}>`;
}
