// What is typed: a message, or a command. Pure.

const NEEDS = {
  join: '/join ROOM',
  msg: '/msg NAME TEXT',
  me: '/me TEXT',
  nick: '/nick NAME',
};

/** `{do, ...}` for what was typed, or `{error, args}` when it is no command that exists. */
export function parse(text) {
  if (text.startsWith('//')) return { do: 'say', text: text.slice(1), kind: 0 };
  if (!text.startsWith('/')) return { do: 'say', text, kind: 0 };
  const [, word, rest] = /^\/(\S*)\s*([\s\S]*)$/u.exec(text);
  const name = ALIASES[word.toLowerCase()] ?? word.toLowerCase();
  if (Object.hasOwn(NEEDS, name) && !rest.trim()) return { error: 'usage', args: [NEEDS[name]] };
  switch (name) {
    case 'me': return { do: 'say', text: rest, kind: 1 };
    case 'join': return { do: 'join', room: roomName(rest) };
    case 'leave': return { do: 'leave', room: rest.trim() ? roomName(rest) : '' };
    case 'msg': return message(rest);
    case 'nick': return { do: 'nick', name: rest.trim() };
    case 'away': return { do: 'away', away: true, note: rest.trim() };
    case 'back': return { do: 'away', away: false, note: '' };
    case 'help': return { do: 'help' };
    default: return { error: 'unknown_command', args: [word] };
  }
}

/** A room as the node writes it: in lower case and with its #. */
export function roomName(text) {
  const name = text.trim().normalize('NFC').toLowerCase();
  return name.startsWith('#') ? name : `#${name}`;
}

/** Bytes that a text takes on its way. */
export function bytes(text) {
  return new TextEncoder().encode(text).length;
}

export const MOST_BYTES = 4096;

function message(rest) {
  // A name may have spaces; then it stands in quotes.
  const [, quoted, plain, text] = /^(?:"([^"]+)"|(\S+))\s*([\s\S]*)$/u.exec(rest.trim()) ?? [];
  const to = quoted ?? plain;
  if (!to) return { error: 'usage', args: [NEEDS.msg] };
  return { do: 'msg', to, text: text ?? '' };
}

const ALIASES = { part: 'leave', j: 'join', m: 'msg', dm: 'msg', query: 'msg', name: 'nick', h: 'help', '?': 'help' };
