// SPDX-License-Identifier: Apache-2.0
// What was used, by any dimension: as a table, as a plot, as CSV.
import { html, useMemo } from '../vendor/htm-preact.js';
import { member, usage, usageCsv } from '../api.js';
import { brief, command, count, money } from '../format.js';
import { Asked, Choice, Head, Name, Plot, Table, Time, overTime, put, to, useAsk } from '../parts.js';
import { Period, drawn, periodOf } from './overview.js';
import { t } from '../words.js';

const DIMENSIONS = ['route', 'target', 'provider', 'model', 'group', 'key', 'principal'];
const SPANS = ['minute', 'hour', 'day'];
const SUMS = [
  ['requests', t.calls, count], ['errors', t.errors, count], ['input_tokens', t.tokensIn, count], ['output_tokens', t.tokensOut, count], ['cached_tokens', t.cached, count],
  ['reasoning_tokens', t.reasoning, count], ['unmetered', t.unmetered, count], ['unpriced', t.unpriced, count], ['cost', t.cost, money],
];
const COLOURS = ['--a', '--b', '--c', '--warn', '--bad', '--faint'];

// One line for each of the greatest, over the time.
function seriesOf(rows, by, span, sum, period) {
  const totals = new Map();
  for (const row of rows) totals.set(row[by], (totals.get(row[by]) ?? 0) + (row[sum] ?? 0));
  const names = [...totals].sort((a, b) => b[1] - a[1]).slice(0, COLOURS.length).map(([name]) => name);
  const say = sum === 'cost' ? money : brief;
  let x = [];
  const series = names.map((name, i) => {
    const one = overTime(rows.filter((row) => row[by] === name), span, period.from, period.until);
    x = one.x;
    return { label: name || t.empty, values: one.of(sum), colour: COLOURS[i], say, least: say === brief ? 4 : 0 };
  });
  return { x, series };
}

function Graph({ by, sum, period }) {
  const of = useAsk((s) => usage({ by: `${by},${period.span}`, ...period.query }, s), [by, period.since, period.isOwn && period.from, period.until]);
  const drawnOf = useMemo(() => of.data && seriesOf(member(of.data, 'usage'), by, period.span, sum, period), [of.data, sum]);
  return html`<${Asked} of=${of}>${() => drawnOf?.series.length > 0 && html`<${Plot} label=${`${SUMS.find(([k]) => k === sum)[1]} ${t.overTime}`} ...${drawnOf} onDrag=${drawn} />`}</${Asked}>`;
}

export default function Usage({ where }) {
  const { query } = where, period = periodOf(query, '7d');
  const by = DIMENSIONS.includes(query.by) ? query.by : 'route', and = [...DIMENSIONS, ...SPANS].includes(query.and) && query.and !== by ? query.and : '';
  const sum = SUMS.some(([k]) => k === query.sum) ? query.sum : 'requests', words = [by, and].filter(Boolean).join(',');
  const of = useAsk((s) => usage({ by: words, ...period.query }, s), [words, period.since, period.isOwn && period.from, period.until]);
  const nameOf = (word) => ({ key: word, label: t[word], cell: (r) => (SPANS.includes(word) ? html`<${Time} of=${r[word]} />` : ['route', 'model', 'provider', 'group', 'principal'].includes(word) && r[word]
    ? html`<a href=${to('requests', [], { [word]: r[word], since: period.since })}><${Name} of=${r[word]} /></a>` : html`<${Name} of=${r[word]} none=${t.empty} />`) });
  const columns = [nameOf(by), ...(and ? [nameOf(and)] : []), ...SUMS.map(([key, label, say]) => ({ key, label, num: true, cell: (r) => say(r[key]) }))];
  const csv = () => usageCsv({ by: words, ...period.query });
  const since = period.isOwn ? new Date(period.from * 1000).toISOString().replace('.000', '') : period.since;
  return html`<${Head} title=${t.usage} csv=${csv} command=${command('usage', [], { by: words, since })}><${Period} period=${period} /></${Head}>
    <div class="bar">
      <${Choice} label=${t.by} value=${by} of=${DIMENSIONS.map((d) => [d, t[d]])} onPick=${(v) => put({ by: v })} />
      <${Choice} label=${t.and} value=${and} of=${[['', t.noThing], ...[...DIMENSIONS, ...SPANS].filter((d) => d !== by).map((d) => [d, t[d]])]} onPick=${(v) => put({ and: v })} />
      <${Choice} label=${t.plotted} value=${sum} of=${SUMS.map(([k, label]) => [k, label])} onPick=${(v) => put({ sum: v })} />
    </div>
    <${Graph} by=${by} sum=${sum} period=${period} />
    <${Asked} of=${of}>${(data) => html`<${Table} label=${t.usage} columns=${columns} rows=${member(data, 'usage').toSorted((a, b) => (b[sum] ?? 0) - (a[sum] ?? 0))} empty=${t.emptyUsage} />
      ${data.kept === 'memory' && html`<p class="note">${t.kept}</p>`}`}</${Asked}>`;
}
