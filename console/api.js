// SPDX-License-Identifier: Apache-2.0
// Calls of the gateway, and who makes them.
import { t } from './words.js';

// The gateway may be published below a path: this file is PATH/console/FOLDER/api.js.
export const root = new URL('../../', import.meta.url);
const OWN = 'api/sluice/v1/';
const SLOW_MS = 60000;

export class Fault extends Error {
  constructor(status, message, id) {
    super(message);
    Object.assign(this, { status, id });
  }
}

// Who is logged in; read by GET session. `changed` is called when that is over.
export const session = { who: null, csrf: null, changed: () => {} };

// The gateway's clock counts: the reader's may be wrong.
let ahead = 0;
export const now = () => Date.now() + ahead;
export const clockFault = () => (Math.abs(ahead) > 90000 ? ahead : 0);
function clockRead(reply) {
  const at = Date.parse(reply.headers.get('date'));
  if (at && Math.abs(at - now()) > 2000) ahead = at - Date.now();
}

export function address(path, query) {
  const url = new URL(path[0] === '/' ? path.slice(1) : OWN + path, root);
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(key, value);
  }
  return url;
}

async function faultOf(reply) {
  const text = await reply.text().catch(() => '');
  let said;
  try {
    const body = JSON.parse(text);
    said = body.error?.message ?? body.detail ?? body.message ?? body.error;
  } catch {}
  if (said && typeof said !== 'string') said = JSON.stringify(said);
  return new Fault(reply.status, said || t.status(reply.status), reply.headers.get('x-request-id'));
}

// The reply as it is; its status is a success.
export async function send(method, path, { query, body, headers = {}, signal } = {}) {
  const all = { accept: 'application/json', ...headers };
  if (body !== undefined) all['content-type'] = 'application/json';
  all['x-sluice-csrf'] = session.csrf ?? '';
  let reply;
  try {
    reply = await fetch(address(path, query), {
      method, headers: all, signal, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin', cache: 'no-store', redirect: 'error',
    });
  } catch (e) {
    if (signal?.aborted && signal.reason?.name !== 'TimeoutError') throw e;
    throw new Fault(0, signal?.aborted ? t.late : t.unreachable);
  }
  clockRead(reply);
  if (!reply.ok) {
    const fault = await faultOf(reply);
    if (reply.status === 401 && path !== 'session' && session.who) {
      session.who = null;
      session.changed(t.loggedOut);
    }
    throw fault;
  }
  return reply;
}

const until = (signal) => AbortSignal.any([AbortSignal.timeout(SLOW_MS), ...(signal ? [signal] : [])]);

export async function ask(method, path, more = {}) {
  const signal = until(more.signal);
  const reply = await send(method, path, { ...more, signal });
  try {
    const data = await reply.json();
    return more.tag ? [data, reply.headers.get('etag')] : data;
  } catch {
    if (more.signal?.aborted) throw new DOMException('', 'AbortError');
    throw new Fault(0, signal.aborted ? t.late : t.changed);
  }
}
export const get = (path, query, signal) => ask('GET', path, { query, signal });

// The gateway makes one report of usage at a time for each caller, so they wait for each other here, and are not broken
// off: a report that is being made goes on without its reader.
let line = Promise.resolve();
async function reportOf(query, accept, signal, tries) {
  if (signal?.aborted) throw new DOMException('', 'AbortError');
  try {
    return await send('GET', 'usage', { query, headers: { accept }, signal: until() });
  } catch (fault) { // another tab asks, too
    if (fault.status !== 503 || tries === 0) throw fault;
    await new Promise((go) => setTimeout(go, 1000));
    return reportOf(query, accept, signal, tries - 1);
  }
}
function report(query, accept, signal) {
  const mine = line.then(() => reportOf(query, accept, signal, 5));
  line = mine.catch(() => {});
  return mine;
}
export const usage = async (query, signal) => (await report(query, 'application/json', signal)).json();
export const usageCsv = async (query) => (await report(query, 'text/csv')).text();

// A member that must be there: an older or newer gateway may not have it.
export function member(data, name) {
  if (data?.[name] === undefined) throw new Fault(0, t.changed);
  return data[name];
}

// The data of each event, as they come.
export async function* events(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split(/\r?\n\r?\n/);
    text = parts.pop();
    for (const part of parts) {
      const data = part.split(/\r?\n/).filter((l) => l.startsWith('data:')).map((l) => l.slice(5).trimStart()).join('\n');
      if (data) yield data;
    }
  }
}

// Takes what the calls for a session answer.
function sessionTake(said) {
  session.csrf = said.csrf ?? null;
  session.who = said.session;
  return said;
}

export const sessionRead = async () => sessionTake(await ask('GET', 'session'));
export const logIn = async (key) => sessionTake(await ask('POST', 'session', { body: { key } }));
export async function logOut() {
  await ask('DELETE', 'session');
  session.who = null;
  session.changed();
}

// What a role may do is decided by the gateway; this only leaves out what it would refuse.
export const may = {
  call: () => ['query', 'admin'].includes(session.who.role),
  view: () => session.who.role !== 'query',
  operate: () => ['operator', 'admin'].includes(session.who.role) && !session.who.group,
  watch: () => session.who.role !== 'query' && !session.who.group,
  manage: () => session.who.role === 'admin',
  own: () => session.who.role === 'admin' && !session.who.group,
};
