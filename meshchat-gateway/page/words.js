// Showing what others wrote: nothing of it may act, hide itself, or change what stands beside it.
import { el } from './dom.js';

// Controls but tab and line feed, bidi controls, invisible characters. Joiners stay: emoji and
// some scripts need them.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/u;
const FLAG = '\\u{1f3f4}[\\u{e0020}-\\u{e007f}]+';
const PARTS = new RegExp(`(${FLAG})|(${HIDDEN.source})|(https?:\\/\\/[^\\s<>"'\`\\p{Cc}\\p{Cf}]+)`, 'giu');

/** A name or another short text of others, in one line and by itself. */
export function name(text, spec = 'bdi') {
  return el(spec, spec === 'bdi' ? {} : { dir: 'auto' }, plain(text));
}

/** The same as a string, for places where only strings go: titles, labels, notifications. */
export function plain(text) {
  return String(text ?? '').replace(new RegExp(PARTS.source, 'giu'), (all, flag, hidden) =>
    hidden ? shown(hidden) : all,
  ).replace(/[\t\n]+/g, ' ');
}

/** A whole text: lines stay, addresses become links, what is invisible is shown. */
export function text(said) {
  const words = String(said ?? '').replaceAll('\r\n', '\n');
  const node = el('span.words', { dir: 'auto' });
  let at = 0;
  for (const match of words.matchAll(PARTS)) {
    const [all, flag, hidden, link] = match;
    if (flag) continue;
    node.append(words.slice(at, match.index));
    at = match.index + all.length;
    if (hidden) node.append(el('span.hidden-char', {}, shown(hidden)));
    else {
      const [address, rest] = trimmed(link);
      node.append(anchor(address), rest);
    }
  }
  node.append(words.slice(at));
  return node;
}

/** One of twelve colours, always the same for the same person. */
export function hue(who) {
  let hash = 2166136261;
  for (let at = 0; at < who.length; at += 1) hash = Math.imul(hash ^ who.charCodeAt(at), 16777619);
  return `hue-${(hash >>> 8) % 12}`;
}

function shown(character) {
  const code = character.codePointAt(0);
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '\u2421';
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`;
}

/** The dot or bracket behind an address is rarely meant. */
function trimmed(link) {
  const end = /[.,;:!?)\]}»”’]+$/u.exec(link)?.index ?? link.length;
  return [link.slice(0, end), link.slice(end)];
}

function anchor(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return address;
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return address;
  return el('a', { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, address);
}
