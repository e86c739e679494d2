// SPDX-License-Identifier: Apache-2.0
// The frame around the pages: who is logged in, which pages there are, which one is seen.
import { html, render, useEffect, useState } from './vendor/htm-preact.js';
import { clockFault, logIn, logOut, may, session, sessionRead, root } from './api.js';
import { plain, zone } from './format.js';
import { FaultBox, Field, Choice, to, whereRead } from './parts.js';
import { lang, t } from './words.js';

// Each is a file of its own, which is loaded when its page is first seen.
const PAGES = [
  ['overview', () => true],
  ['requests', () => true],
  ['routes', may.operate],
  ['providers', may.view],
  ['keys', may.manage],
  ['usage', () => true],
  ['limits', may.view],
  ['config', may.operate],
  ['audit', may.own],
  ['playground', may.call],
  ['sessions', () => session.who.via !== 'open'],
];

const themes = Object.entries(t.themes);
function Theme() {
  const [theme, set] = useState(localStorage.getItem('theme') ?? 'auto');
  useEffect(() => {
    if (theme === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem('theme', theme);
    dispatchEvent(new Event('theme'));
  }, [theme]);
  return html`<${Choice} label=${t.theme} value=${theme} of=${themes} onPick=${set} />`;
}

function Login({ logins, secure, note, done }) {
  const [state, set] = useState({});
  const enter = async (e) => {
    e.preventDefault();
    set({ busy: true });
    try { done(await logIn(new FormData(e.target).get('key').trim())); } catch (fault) { set({ fault }); }
  };
  const isPlain = secure === false && !['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
  return html`<main class="login" id="main">
    <h1>Sluice</h1>
    ${note && html`<p role="status">${note}</p>`}
    ${isPlain && html`<p class="warning">${t.insecure}</p>`}
    <${FaultBox} fault=${state.fault} />
    ${logins.includes('oidc') && html`<p><a href=${new URL('console/login', root).href}>${t.loginOidc}</a></p>`}
    ${logins.includes('key') ? html`<form onSubmit=${enter}>
      <${Field} label=${t.loginKey} note=${t.loginNote}><input name="key" type="password" required autocomplete="current-password" /></${Field}>
      <button class="go" disabled=${state.busy}>${t.login}</button></form>` : !logins.length && html`<p>${t.loginNone}</p>`}
  </main>`;
}

const keep = 'where'; // a login elsewhere forgets the part of the address behind #

function Page({ where, known }) {
  const [page, set] = useState({});
  useEffect(() => {
    let is = true;
    if (known) import(`./pages/${where.page}.js`).then((m) => is && set({ name: where.page, View: m.default }), () => is && set({ fault: new Error(t.unreachable) }));
    return () => { is = false; };
  }, [where.page, known]);
  if (!known) return html`<p>${PAGES.some(([name]) => name === where.page) ? t.notYours : t.noPage}</p>`;
  if (page.fault) return html`<${FaultBox} fault=${page.fault} again=${() => location.reload()} />`;
  return page.name === where.page && html`<${page.View} key=${where.page + '/' + where.rest.join('/')} where=${where} />`;
}

function App() {
  const [state, set] = useState({});
  const [where, setWhere] = useState(whereRead());
  const begin = () => sessionRead().then((said) => set({ said }), (fault) => set({ fault }));
  useEffect(() => {
    const moved = () => setWhere(whereRead());
    addEventListener('hashchange', moved);
    session.changed = (note) => sessionRead().then((said) => set({ said, note }), (fault) => set({ fault }));
    begin();
    return () => removeEventListener('hashchange', moved);
  }, []);
  useEffect(() => {
    const kept = sessionStorage.getItem(keep);
    if (!state.said) return;
    if (!session.who) { if (location.hash) sessionStorage.setItem(keep, location.hash); }
    else if (kept) { sessionStorage.removeItem(keep); if (!location.hash) location.hash = kept; }
  }, [state.said]);
  if (state.fault) return html`<main id="main"><${FaultBox} fault=${state.fault} again=${begin} /></main>`;
  if (!state.said) return null;
  if (!session.who) return html`<${Login} ...${state.said} note=${state.note} done=${(said) => set({ said })} />`;
  const pages = PAGES.filter(([, isFor]) => isFor()).map(([name]) => name), { who } = session;
  return html`<a class="skip" href="#main" onClick=${(e) => { e.preventDefault(); document.getElementById('main').focus(); }}>${t.skip}</a>
    <div class="app">
      <header class="side">
        <b>Sluice</b>
        <nav aria-label=${t.pages}>${pages.map((name) => html`<a href=${to(name)} aria-current=${name === where.page ? 'page' : undefined}>${t[name]}</a>`)}</nav>
        <div class="who">
          ${who.via === 'open' ? html`<span>${t.open}</span>` : html`<bdi title=${plain(who.principal)}>${plain(who.name ?? who.principal)}</bdi><span>${who.role}${who.group && html`, <bdi>${plain(who.group)}</bdi>`}</span>`}
          ${who.via && who.via !== 'open' && who.via !== 'key' && html`<button onClick=${() => logOut().catch((fault) => set({ fault }))}>${t.logout}</button>`}
          <${Theme} />
          <span>${t.times(zone)}</span>
        </div>
      </header>
      <main id="main" tabindex="-1">
        ${clockFault() ? html`<p class="warning" role="status">${t.clock(`${Math.round(Math.abs(clockFault()) / 60000)} min`)}</p>` : null}
        <${Page} where=${where} known=${pages.includes(where.page)} />
      </main>
    </div>`;
}

// A file that misses the playground must not take the page away.
for (const name of ['dragover', 'drop']) addEventListener(name, (e) => e.preventDefault());
document.documentElement.lang = lang;
const said = document.body.appendChild(document.createElement('div'));
Object.assign(said, { id: 'said', role: 'status' });
said.setAttribute('aria-live', 'polite');
render(html`<${App} />`, document.getElementById('app'));
