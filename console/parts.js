// SPDX-License-Identifier: Apache-2.0
// What the pages are made of. Texts become text nodes: nothing is ever read as HTML.
import { html, useEffect, useLayoutEffect, useRef, useState } from './vendor/htm-preact.js';
import { now } from './api.js';
import { ago, csv as toCsv, plain, time, zone } from './format.js';
import { t } from './words.js';

// --- the address: #/page/more?key=value ---

export function whereRead() {
  const [path, query] = location.hash.slice(1).split('?');
  const segments = path.split('/').filter(Boolean).map((s) => { try { return decodeURIComponent(s); } catch { return s; } });
  return { page: segments[0] ?? 'overview', rest: segments.slice(1), query: Object.fromEntries(new URLSearchParams(query ?? '')) };
}

export function to(page, rest = [], query = {}) {
  const set = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '');
  const more = new URLSearchParams(set).toString();
  return '#/' + [page, ...rest].map(encodeURIComponent).join('/') + (more ? '?' + more : '');
}

export const go = (hash) => { location.hash = hash; };
// Changes the query of this page, without a new entry in the history.
export function put(change) {
  const { page, rest, query } = whereRead();
  history.replaceState(null, '', to(page, rest, { ...query, ...change }));
  dispatchEvent(new Event('hashchange'));
}

// --- asking ---

// { data, fault, busy, again }: what `ask` answers, asked again when one of `deps` is another, or every so many ms.
export function useAsk(ask, deps, every) {
  const [state, set] = useState({ busy: true });
  const again = useRef(() => {}), newest = useRef();
  newest.current = ask; // what it asks for may depend on the time
  useEffect(() => {
    const stop = new AbortController();
    let timer;
    const run = async () => {
      clearTimeout(timer);
      set((old) => ({ ...old, busy: true }));
      try {
        const data = await newest.current(stop.signal);
        if (!stop.signal.aborted) set({ data, busy: false });
      } catch (fault) {
        if (!stop.signal.aborted) set((old) => ({ data: old.data, fault, busy: false }));
      }
      if (every && !stop.signal.aborted) timer = setTimeout(document.hidden ? function wait() { timer = setTimeout(document.hidden ? wait : run, every); } : run, every);
    };
    again.current = run;
    run();
    return () => { stop.abort(); clearTimeout(timer); };
  }, deps);
  return { ...state, again: () => again.current() };
}

// Only once it takes long: what comes at once must not flicker.
function Busy() {
  const [stage, set] = useState(0);
  useEffect(() => {
    const timers = [setTimeout(set, 400, 1), setTimeout(set, 6000, 2)];
    return () => timers.forEach(clearTimeout);
  }, []);
  return html`<p class="note" role="status">${stage ? (stage > 1 ? t.slow : t.loading) : ''}</p>`;
}

export function FaultBox({ fault, again }) {
  if (!fault) return null;
  return html`<div class="fault" role="alert">
    <p>${plain(fault.message)}</p>
    ${fault.id && html`<p class="note">${t.requestId} <code>${plain(fault.id)}</code></p>`}
    ${again && html`<button onClick=${again}>${t.again}</button>`}
  </div>`;
}

// What was asked, with words for the time before and for faults.
export function Asked({ of, children }) {
  return html`<${FaultBox} fault=${of.fault} again=${of.again} />
    ${of.data !== undefined ? children(of.data) : of.busy && html`<${Busy} />`}`;
}

// --- small things ---

export const Name = ({ of, none = '–' }) => (of ? html`<bdi title=${plain(of)}>${plain(of)}</bdi>` : html`<span class="faint">${none}</span>`);
export const Time = ({ of }) => (of ? html`<time datetime=${new Date(of).toISOString()} title=${`${ago(of)} (${zone})`}>${time(of)}</time>` : html`<span class="faint">–</span>`);
export const Ago = ({ of }) => (of ? html`<time datetime=${new Date(of).toISOString()} title=${`${time(of)} (${zone})`}>${ago(of)}</time>` : html`<span class="faint">–</span>`);
export const Tag = ({ kind = '', children }) => html`<span class="tag ${kind}">${children}</span>`;

export function say(text) {
  document.getElementById('said').textContent = '';
  setTimeout(() => { document.getElementById('said').textContent = text; }, 50);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not over plain HTTP
    const box = document.body.appendChild(document.createElement('textarea'));
    box.value = text;
    box.select();
    document.execCommand('copy');
    box.remove();
  }
  say(t.copied);
}
export function Copy({ text, label = t.copy }) {
  const [done, set] = useState(false);
  return html`<button onClick=${() => { copy(text); set(true); setTimeout(set, 2000, false); }}>${done ? t.copied : label}</button>`;
}

export function Code({ text, label }) {
  return html`<div class="code"><pre tabindex="0" role="region" aria-label=${label ?? t.text}>${text}</pre><${Copy} text=${text} /></div>`;
}

export function save(name, text, type = 'text/csv') {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(URL.revokeObjectURL, 10000, link.href);
}

// --- a page's head ---

let isFirst = true; // when the console is opened, the focus stays at the top

export function Head({ title, command, csv, children }) {
  const at = useRef();
  const [isOpen, open] = useState(false);
  useEffect(() => {
    document.title = `${title} – Sluice`;
    if (isFirst) isFirst = false;
    else if (document.activeElement === document.body || document.activeElement?.closest('nav')) at.current.focus({ preventScroll: true });
  }, [title]);
  return html`<div class="head">
      <h1 tabindex="-1" ref=${at}><bdi>${title}</bdi></h1>
      <div class="acts">${children}
        ${csv && html`<button onClick=${async () => { const text = await csv(); save(`sluice-${title.toLowerCase().replace(/\W+/g, '-')}.csv`, typeof text === 'string' ? text : toCsv(text)); }}>${t.asCsv}</button>`}
        ${command && html`<button aria-expanded=${isOpen} onClick=${() => open(!isOpen)}>${t.asCommand}</button>`}
      </div>
    </div>
    ${command && isOpen && html`<${Code} text=${command} label=${t.asCommand} />`}`;
}

// --- a table that draws the rows which are seen ---

const ROW = 30;
const MORE = 8;

export function Table({ label, columns, rows, id, onEnd, empty, busy, current }) {
  const box = useRef();
  const [view, setView] = useState({ from: 0, n: 40 });
  const look = () => {
    const el = box.current;
    if (!el) return;
    const from = Math.max(0, Math.floor(el.scrollTop / ROW) - MORE), n = Math.ceil(el.clientHeight / ROW) + 2 * MORE;
    setView((old) => (old.from === from && old.n === n ? old : { from, n }));
    if (onEnd && !busy && el.scrollTop + el.clientHeight > rows.length * ROW - 10 * ROW) onEnd();
  };
  useLayoutEffect(() => {
    look();
    const seen = new ResizeObserver(look);
    seen.observe(box.current);
    return () => seen.disconnect();
  }, [rows.length, busy]);
  const end = Math.min(rows.length, view.from + view.n), from = Math.min(view.from, end);
  const gap = (n) => n > 0 && html`<tbody aria-hidden="true"><tr><td colspan=${columns.length} style=${{ height: n * ROW + 'px', padding: 0, border: 0 }}></td></tr></tbody>`;
  return html`<div class="rows" ref=${box} onScroll=${look} tabindex="0" role="region" aria-label=${label}>
    <table aria-rowcount=${rows.length + 1} aria-label=${label}>
      <thead><tr aria-rowindex="1">${columns.map((c) => html`<th scope="col" class=${c.num ? 'num' : ''} title=${c.title}>${c.label}</th>`)}</tr></thead>
      ${gap(from)}
      <tbody>${rows.slice(from, end).map((row, i) => html`<tr key=${id ? id(row) : from + i} aria-rowindex=${from + i + 2} class=${current && current(row) ? 'on' : ''}>
        ${columns.map((c) => html`<td class=${c.num ? 'num' : ''}>${c.cell ? c.cell(row) : html`<${Name} of=${row[c.key]} />`}</td>`)}</tr>`)}</tbody>
      ${gap(rows.length - end)}
    </table>
    ${rows.length === 0 && !busy && html`<p class="note">${empty}</p>`}
    ${busy && html`<${Busy} />`}
  </div>`;
}
// The rows as CSV: all that are loaded.
export const tableCsv = (columns, rows) => [columns.map((c) => c.csvName ?? c.key), ...rows.map((row) => columns.map((c) => (c.csv ? c.csv(row) : row[c.key])))];

// --- forms ---

export function Field({ label, note, children }) {
  return html`<label class="field"><span>${label}</span>${children}${note && html`<small>${note}</small>`}</label>`;
}

export function Choice({ label, value, of, onPick }) {
  return html`<label class="choice"><span>${label}</span> <select value=${value} onChange=${(e) => onPick(e.target.value)}>
    ${of.map((o) => { const [v, text] = Array.isArray(o) ? o : [o, o]; return html`<option value=${v} selected=${v === value}>${text}</option>`; })}</select></label>`;
}

export function Dialog({ title, onClose, children }) {
  const at = useRef();
  useEffect(() => { at.current.showModal(); }, []);
  return html`<dialog ref=${at} aria-label=${title} onClose=${onClose}>
    <h2>${title}</h2>${children}
  </dialog>`;
}

// Asks before something is done that cannot be undone; shows why it failed.
export function Sure({ title, text, act, does, onClose }) {
  const [state, set] = useState({});
  const run = async () => {
    set({ busy: true });
    try { await does(); onClose(true); } catch (fault) { set({ fault }); }
  };
  return html`<${Dialog} title=${title} onClose=${() => onClose(false)}>
    <p>${text}</p><${FaultBox} fault=${state.fault} />
    <div class="acts"><button class="bad" disabled=${state.busy} onClick=${run}>${act}</button><button onClick=${() => onClose(false)}>${t.cancel}</button></div>
  </${Dialog}>`;
}

// --- plots ---

const TALL = 132, LEFT = 50, UNDER = 18, ABOVE = 8;
// A round number that is as great as `v` or somewhat greater.
function roundUp(v) {
  const size = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 2.5, 5, 10].find((n) => n * size >= v) * size;
}
const pad = (n) => String(n).padStart(2, '0');
const tick = (sec, span) => { const d = new Date(sec * 1000); return span > 2 * 86400 ? `${pad(d.getMonth() + 1)}-${pad(d.getDate())}` : `${pad(d.getHours())}:${pad(d.getMinutes())}`; };

// `x` in unix seconds, evenly spaced; series: { label, values, colour, say }. onDrag gets the period that was drawn with the pointer.
export function Plot({ label, x, series, onDrag }) {
  const box = useRef();
  const [wide, setWide] = useState(0);
  const [at, setAt] = useState({});
  useLayoutEffect(() => {
    const look = () => setWide(box.current.clientWidth);
    const seen = new ResizeObserver(look);
    seen.observe(box.current);
    look();
    return () => seen.disconnect();
  }, []);
  const first = x[0], span = Math.max(1, x.at(-1) - first), say = series[0].say ?? String;
  const top = Math.max(series[0].least ?? 0, roundUp(Math.max(...series.flatMap((s) => s.values)) || 1)), inner = Math.max(10, wide - LEFT - 6), high = TALL - UNDER - ABOVE;
  const px = (sec) => LEFT + ((sec - first) / span) * inner, py = (v) => ABOVE + high * (1 - v / top);
  const secAt = (e) => first + Math.min(1, Math.max(0, (e.clientX - box.current.getBoundingClientRect().left - LEFT) / inner)) * span;
  const move = (e) => setAt((old) => ({ ...old, sec: secAt(e) }));
  const up = (e) => {
    const [a, b] = [at.from, secAt(e)].sort((m, n) => m - n);
    setAt({});
    if (at.from !== undefined && px(b) - px(a) > 5) onDrag(a, b);
  };
  const i = at.sec === undefined ? null : Math.round(((at.sec - first) / span) * (x.length - 1));
  const ticks = Math.max(2, Math.min(8, Math.floor(inner / 70), span > 2 * 86400 ? Math.floor(span / 86400) : 8));
  const whole = series.map((s) => `${s.label} ${say(s.values.reduce((n, v) => n + v, 0))}`).join(', ');
  return html`<figure><figcaption>${label} ${series.map((s) => html`<span class="key"><i style=${{ background: `var(${s.colour})` }}></i>${s.label}</span>`)}
      <output>${i === null ? '' : `${time(x[i] * 1000)}  ${series.map((s) => `${s.label} ${say(s.values[i])}`).join('  ')}`}</output></figcaption>
    <div class="plot" ref=${box}>${wide > 0 && html`<svg width=${wide} height=${TALL} role="img" aria-label=${`${label}: ${whole}`} onPointerDown=${(e) => { e.currentTarget.setPointerCapture(e.pointerId); setAt({ from: secAt(e), sec: secAt(e) }); }} onPointerMove=${move} onPointerUp=${up} onPointerLeave=${() => setAt({})}>
      ${[0, 0.5, 1].map((part) => html`<line class="grid" x1=${LEFT} x2=${LEFT + inner} y1=${py(top * part)} y2=${py(top * part)} /><text x=${LEFT - 6} y=${py(top * part) + 4} text-anchor="end">${say(top * part)}</text>`)}
      ${Array.from({ length: ticks }, (_, k) => first + (span * (k + 0.5)) / ticks).map((sec) => html`<text x=${px(sec)} y=${TALL - 4} text-anchor="middle">${tick(sec, span)}</text>`)}
      ${series.map((s) => html`<path fill="none" stroke-width="1.5" style=${{ stroke: `var(${s.colour})` }} d=${s.values.map((v, k) => `${k ? 'L' : 'M'}${px(x[k]).toFixed(1)} ${py(v).toFixed(1)}`).join('')} />`)}
      ${at.from !== undefined && html`<rect class="drawn" x=${px(Math.min(at.from, at.sec))} y=${ABOVE} width=${Math.abs(px(at.sec) - px(at.from))} height=${high} />`}
      ${i !== null && html`<line class="at" x1=${px(x[i])} x2=${px(x[i])} y1=${ABOVE} y2=${ABOVE + high} />`}
    </svg>`}</div></figure>`;
}

// The sums of a report by minute, hour or day, with zeros where nothing was.
export function overTime(rows, span, fromSec, toSec) {
  const size = { minute: 60, hour: 3600, day: 86400 }[span];
  const at = new Map(rows.map((row) => [Math.floor(Date.parse(row[span]) / 1000), row]));
  const first = Math.floor(fromSec / size) * size, last = Math.floor((toSec ?? now() / 1000) / size) * size;
  const x = [];
  for (let s = first; s <= last && x.length < 4000; s += size) x.push(s);
  return { x, of: (key) => x.map((s) => at.get(s)?.[key] ?? 0) };
}
