// SPDX-License-Identifier: Apache-2.0
// Numbers, times and texts as people read them.
import { lang } from './words.js';
import { now } from './api.js';

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const clock = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'medium' });
const whole = new Intl.NumberFormat(lang, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(lang, { notation: 'compact', maximumSignificantDigits: 3 });

const isNo = (v) => v === null || v === undefined || Number.isNaN(v);
export const none = '–';

// Control characters and marks of direction would hide what a name is.
export const plain = (s) =>
  String(s ?? '').replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));

// Texts of several lines keep these.
export const lines = (s) => String(s ?? '').split('\n').map((l) => l.split('\t').map(plain).join('\t')).join('\n');

export const time = (v) => (v ? clock.format(new Date(v)) : none);
export const count = (v) => (isNo(v) ? none : whole.format(v));
export const brief = (v) => (isNo(v) ? none : Math.abs(v) < 10000 ? whole.format(v) : short.format(v));
export const share = (v) => (isNo(v) ? none : (v * 100).toFixed(v && v < 0.1 ? 1 : 0) + ' %');

export function money(v) {
  if (isNo(v)) return none;
  const digits = v === 0 || v >= 100 ? 2 : v >= 1 ? 3 : v >= 0.01 ? 4 : 6;
  return '$' + new Intl.NumberFormat(lang, { minimumFractionDigits: 2, maximumFractionDigits: digits }).format(v);
}

export function msec(v) {
  if (isNo(v)) return none;
  return v >= 60000 ? (v / 60000).toFixed(1) + ' min' : v >= 1000 ? (v / 1000).toFixed(2) + ' s' : v >= 10 ? Math.round(v) + ' ms' : v.toFixed(1) + ' ms';
}

const SPANS = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']];
const relative = new Intl.RelativeTimeFormat(lang, { style: 'short' });
export function ago(v) {
  if (!v) return none;
  const sec = (new Date(v) - now()) / 1000;
  const [size, word] = SPANS.find(([s]) => Math.abs(sec) >= s) ?? SPANS[3];
  return relative.format(Math.trunc(sec / size), word);
}

const SINCE = { m: 60, h: 3600, d: 86400 };
// "15m", "24h", "7d" as seconds.
export const spanOf = (since) => (/^\d+[mhd]$/.test(since) ? parseInt(since, 10) * SINCE[since.at(-1)] : 0);
export const fromOf = (since) => Math.floor(now() / 1000) - spanOf(since);

export function median(values, p) {
  const all = values.filter((v) => !isNo(v)).sort((a, b) => a - b);
  return all.length ? all[Math.min(all.length - 1, Math.floor(all.length * p))] : null;
}

// One argument of a command line. What would hide itself, or act on a terminal, is spelled out in $'', which has no quote in it: also a shell
// that does not know this form (dash) takes it for one word.
export function arg(v) {
  const s = String(v);
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(s)) return s;
  return lines(s) === s ? `'${s.replaceAll("'", "'\\''")}'` : `$'${lines(s.replaceAll('\\', '\\\\')).replaceAll("'", '\\u0027')}'`;
}
// A command of sluice. A value that begins with "-" must not be taken for an option.
export function command(name, words, options = {}) {
  const isOdd = words.some((w) => String(w)[0] === '-');
  const said = Object.entries(options).filter(([, v]) => v).map(([k, v]) => ` --${k}${v === true ? '' : (String(v)[0] === '-' ? '=' : ' ') + arg(v)}`).join('');
  const all = words.map((w) => ` ${arg(w)}`).join('');
  return `sluice ${name}${isOdd ? `${said} --${all}` : all + said}`;
}

export function csv(rows) {
  const cell = (v) => {
    let s = String(v ?? '');
    if (/^[=+\-@\t\r]/.test(s) && isNaN(Number(s))) s = "'" + s; // a spreadsheet would run it
    return /[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s;
  };
  return rows.map((row) => row.map(cell).join(',') + '\r\n').join('');
}
