// SPDX-License-Identifier: Apache-2.0
// Whole lists, page after page; limits as text.
import { html, useEffect, useState } from './vendor/htm-preact.js';
import { ask, get, member } from './api.js';
import { count, money, plain } from './format.js';
import { Asked, Dialog, FaultBox, Field, useAsk } from './parts.js';
import { t } from './words.js';

// All rows of a list that has pages; the first are there before the last.
export function useAll(path, name, deps = []) {
  const [state, set] = useState({ rows: [], busy: true });
  const [n, again] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    (async () => {
      let token, rows = [];
      try {
        do {
          const page = await get(path, { page_token: token }, stop.signal);
          rows = [...rows, ...member(page, name)];
          token = page.next_page_token;
          set({ rows, busy: Boolean(token), data: page });
        } while (token);
      } catch (fault) {
        if (!stop.signal.aborted) set({ rows, busy: false, fault });
      }
    })();
    return () => stop.abort();
  }, [path, n, ...deps]);
  return { ...state, again: () => again(n + 1) };
}

const KINDS = ['requests', 'tokens', 'input_tokens', 'output_tokens', 'money', 'concurrent'];
const amount = (kind, v) => (kind === 'money' ? money(v) : count(v));

// A limit in any of its forms, as a line.
export function limitText(limit) {
  if (limit.session) return `${t.session}: ${Object.entries(limit.session).map(([k, v]) => `${amount(k, v)} ${k}`).join(', ')}`;
  if (limit.calls !== undefined) return `${count(limit.calls)} requests / ${limit.renewal_period}${limit.key === 'user' ? `, ${t.each}` : ''}`;
  const kind = KINDS.find((k) => limit[k] !== undefined);
  return `${amount(kind, limit[kind])} ${kind}${limit.per ? ` / ${limit.per}` : ''}${limit.zone ? ` (${limit.zone})` : ''}${limit.route ? `, ${plain(limit.route)}` : ''}${limit.each ? `, ${t.each}` : ''}`;
}
export const limitsText = (limits) => (limits ?? []).map(limitText).join('; ');

export const countColumns = [
  { key: 'kind', label: t.type, cell: (r) => r.kind },
  { key: 'per', label: t.per, cell: (r) => [r.per, r.zone, r.route && plain(r.route), r.each && t.each].filter(Boolean).join(', ') },
  { key: 'cap', label: t.cap, num: true, cell: (r) => amount(r.kind, r.cap) },
  { key: 'used', label: t.used, num: true, cell: (r) => amount(r.kind, r.used) },
  { key: 'left', label: t.left, num: true, cell: (r) => (r.used === null ? '–' : amount(r.kind, Math.max(0, r.cap - r.used))) },
  { key: 'reset', label: t.resets, num: true, cell: (r) => (r.reset === null ? '–' : r.reset >= 7200 ? `${Math.round(r.reset / 3600)} h` : r.reset >= 120 ? `${Math.round(r.reset / 60)} min` : `${r.reset} s`) },
];

// Changes the limits of a group or a route, all at once.
export function EditLimits({ name, path, onDone, onClose }) {
  const of = useAsk((s) => get(path, {}, s), [path]);
  const [state, set] = useState({});
  const save = async (e) => {
    e.preventDefault();
    try {
      const limits = JSON.parse(new FormData(e.target).get('limits')), { children } = of.data;
      await ask('PUT', path, { body: { limits, children } });
      onDone();
    } catch (fault) { set({ fault }); }
  };
  return html`<${Dialog} title=${`${t.limits}: ${plain(name)}`} onClose=${onClose}><${Asked} of=${of}>${(data) => html`<form onSubmit=${save}><${FaultBox} fault=${state.fault} />
    <${Field} label=${t.limits} note=${t.limitsNote}><textarea name="limits" rows="8" spellcheck="false" defaultValue=${JSON.stringify(data.limits, null, 2)}></textarea></${Field}>
    <div class="acts"><button class="go">${t.save}</button><button type="button" onClick=${onClose}>${t.cancel}</button></div></form>`}</${Asked}></${Dialog}>`;
}
