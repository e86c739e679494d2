// SPDX-License-Identifier: Apache-2.0
// A question to one route, or to two side by side.
import { html, useEffect, useRef, useState } from '../vendor/htm-preact.js';
import { events, send } from '../api.js';
import { command, count, lines, money, msec, none, plain } from '../format.js';
import { useAll } from '../lists.js';
import { Choice, FaultBox, Field, Head, Name, put, to } from '../parts.js';
import { t } from '../words.js';

const FILE_MAX = 262144;

// One answer, as it comes. `tell` gets what is known so far.
async function answer(route, question, signal, tell) {
  const messages = [...(question.system ? [{ role: 'system', content: question.system }] : []), { role: 'user', content: question.prompt }];
  const body = { model: route, messages, stream: true, stream_options: { include_usage: true } };
  if (question.temperature !== '') body.temperature = Number(question.temperature);
  if (question.tokens !== '') body.max_tokens = Number(question.tokens);
  const start = performance.now();
  const reply = await send('POST', '/v1/chat/completions', { body, signal, headers: { accept: 'text/event-stream', 'x-sluice-usage': 'body' } });
  const so = { id: reply.headers.get('x-sluice-id'), model: reply.headers.get('x-sluice-model'), text: '' };
  tell({ ...so });
  for await (const data of events(reply)) {
    if (data === '[DONE]') break;
    const event = JSON.parse(data);
    if (event.error) throw new Error(event.error.message ?? JSON.stringify(event.error));
    const delta = event.choices?.[0]?.delta, piece = delta?.content ?? delta?.refusal ?? '';
    if (piece && so.first === undefined) so.first = performance.now() - start;
    so.text += piece;
    if (delta?.reasoning_content) so.thought = (so.thought ?? '') + delta.reasoning_content;
    if (event.usage) so.usage = event.usage;
    so.ms = performance.now() - start;
    tell({ ...so });
  }
  tell({ ...so, ms: performance.now() - start, isDone: true });
}

function Side({ side, label }) {
  const { usage } = side;
  return html`<section aria-label=${label}><div class="bar"><b><${Name} of=${label} /></b>${side.model && html`<span class="faint"><${Name} of=${side.model} /></span>`}</div>
    <${FaultBox} fault=${side.fault} />
    ${side.thought && html`<details><summary>${t.thought}</summary><div class="said">${lines(side.thought)}</div></details>`}
    <div class="said" dir="auto" aria-live="polite" aria-busy=${side.busy ? 'true' : 'false'} tabindex="0" role="region" aria-label=${`${t.answer}: ${label}`}>${lines(side.text)}</div>
    <dl class="facts"><dt>${t.first}</dt><dd>${msec(side.first)}</dd><dt>${t.duration}</dt><dd>${msec(side.ms)}</dd>
      <dt>${t.tokens}</dt><dd>${usage ? `${count(usage.prompt_tokens)} → ${count(usage.completion_tokens)}` : none}</dd><dt>${t.cost}</dt><dd>${money(usage?.cost)}</dd>
      ${side.id && side.isDone && html`<dt>${t.requestId}</dt><dd><a href=${to('requests', [side.id])}>${side.id}</a></dd>`}</dl></section>`;
}

export default function Playground({ where }) {
  const of = useAll('/api/2.0/gateway/routes/', 'routes');
  const names = of.rows.filter((r) => r.route_type === 'llm/v1/chat').map((r) => r.name);
  const first = names.includes(where.query.route) ? where.query.route : names[0] ?? '', second = names.includes(where.query.with) ? where.query.with : '';
  const [ask, setAsk] = useState({ prompt: '', system: '', temperature: '', tokens: '' });
  const [sides, set] = useState([{}, {}]);
  const [note, say] = useState('');
  const stop = useRef();
  useEffect(() => () => stop.current?.abort(), []);
  const busy = sides.some((s) => s.busy);
  const run = (e) => {
    e?.preventDefault();
    stop.current?.abort();
    const mine = stop.current = new AbortController();
    const to = (i, change) => { if (stop.current === mine) set((old) => old.map((s, k) => (k === i ? { ...s, ...change } : s))); };
    set([first, second].map((route) => ({ busy: Boolean(route) })));
    [first, second].forEach((route, i) => {
      if (route) answer(route, ask, mine.signal, (so) => to(i, so)).catch((fault) => to(i, mine.signal.aborted ? {} : { fault })).finally(() => to(i, { busy: false }));
    });
  };
  const drop = async (e) => {
    e.preventDefault();
    const file = e.dataTransfer.files[0];
    if (!file) return;
    const text = file.size <= FILE_MAX ? await file.text() : null;
    if (text === null || text.includes('\0')) say(t.noFile(plain(file.name)));
    else { setAsk((old) => ({ ...old, prompt: old.prompt + (old.prompt ? '\n\n' : '') + text })); say(t.fileIn(plain(file.name))); }
  };
  const field = (name) => ({ value: ask[name], onInput: (e) => setAsk({ ...ask, [name]: e.target.value }) });
  const asked = command('query', [first || 'ROUTE', ask.prompt || 'hello'], { stream: true, system: ask.system, temperature: ask.temperature, 'max-tokens': ask.tokens });
  const pick = (v) => (name) => put({ [v]: name });
  return html`<${Head} title=${t.playground} command=${asked} /><${FaultBox} fault=${of.fault} again=${of.again} />
    ${!of.busy && !names.length ? html`<p class="note">${t.emptyPlayground}</p>` : html`
    <form onSubmit=${run} onDrop=${drop} onDragOver=${(e) => e.preventDefault()}>
      <div class="bar"><${Choice} label=${t.route} value=${first} of=${names} onPick=${pick('route')} /><${Choice} label=${t.beside} value=${second} of=${[['', none], ...names]} onPick=${pick('with')} /></div>
      <${Field} label=${t.prompt} note=${note || t.dropNote}><textarea required ...${field('prompt')} onKeyDown=${(e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey) && ask.prompt) run(); }}></textarea></${Field}>
      <details><summary>${t.more2}</summary><${Field} label=${t.system}><textarea rows="2" ...${field('system')}></textarea></${Field}>
        <div class="bar"><label class="choice"><span>${t.temperature}</span> <input type="number" min="0" max="2" step="0.1" ...${field('temperature')} /></label><label class="choice"><span>${t.maxTokens}</span> <input type="number" min="1" ...${field('tokens')} /></label></div></details>
      <div class="bar"><button class="go" disabled=${busy || !first}>${t.ask}</button>${busy && html`<button type="button" onClick=${() => stop.current.abort()}>${t.stop}</button>`}</div></form>
    <div class="two">${first && html`<${Side} side=${sides[0]} label=${first} />`}${second && html`<${Side} side=${sides[1]} label=${second} />`}</div>`}`;
}
