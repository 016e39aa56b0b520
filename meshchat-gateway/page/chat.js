// What the page knows: places (rooms and direct conversations) with their lines, people, nodes.
// Nothing here touches the document, the network or the browser's store.

/** Lines that a place keeps and shows. */
export const MOST_LINES = 500;
const MOST_PLACES = 96;
const MOST_SEEN = 8192;
const MOST_VIAS = 1024;
/** A clock that says something this far in the future is wrong. */
const CLOCK_GRACE = 120_000;
const WEEK = 7 * 24 * 3_600_000;

export class Chat {
  /** `changed(what, detail)` is called after each change; `now()` tells milliseconds. */
  constructor(changed, now = Date.now) {
    this.changed = changed;
    this.now = now;
    this.me = null;
    this.selves = new Set();
    this.places = new Map();
    this.people = new Map();
    this.nodes = new Map();
    this.trips = new Map();
    /** The kind of door that somebody's newest message came by. */
    this.vias = new Map();
    this.known = [];
    this.missing = null;
    this.open = '';
    this.watching = false;
    this.seen = new Set();
    this.read = {};
    this.live = false;
    this.lines = 0;
  }

  // ---- who and where

  /** A node let us in. */
  entered(me) {
    const other = this.me && this.me.node !== me.node;
    this.me = me;
    this.live = false;
    this.beMyself(me.name);
    if (other) {
      this.people.clear();
      this.nodes.clear();
      this.known = [];
    }
    this.changed('me');
  }

  beMyself(name) {
    this.me.name = name;
    this.selves.add(`${name}@${this.me.node}`);
  }

  isMe(name, node) {
    return this.selves.has(`${name}@${node}`);
  }

  /** The place of this key, made when it is new. Rooms have their name as key. */
  place(key, fields = {}) {
    let place = this.places.get(key);
    if (!place) {
      this.makeRoomForPlace();
      place = {
        key, room: key.startsWith('#'), name: key, joined: false, lines: [], unread: 0,
        mention: false, firstNew: null, dropped: false, notices: 0,
      };
      this.places.set(key, place);
    }
    Object.assign(place, fields);
    return place;
  }

  /** The conversation with a person. */
  direct(name, node, nodeName) {
    const key = `${name}@${node}`;
    return this.place(key, { room: false, name, node, nodeName: nodeName || node.slice(0, 8), joined: true });
  }

  makeRoomForPlace() {
    if (this.places.size < MOST_PLACES) return;
    for (const [key, place] of this.places) {
      if (key !== this.open && !(place.room && place.joined) && place.unread === 0) {
        this.places.delete(key);
        return;
      }
    }
  }

  /** What `rooms` replied. */
  setRooms(rooms) {
    this.known = rooms;
    const joined = new Set();
    for (const room of rooms) {
      if (!room.joined) continue;
      joined.add(room.room);
      this.place(room.room, { joined: true, private: room.private });
    }
    for (const place of this.places.values()) {
      if (place.room) place.joined = joined.has(place.key);
    }
    const open = this.places.get(this.open);
    if (!open || (open.room && !open.joined && open.lines.length === 0)) this.show([...joined][0] ?? '');
    this.changed('places');
  }

  joinedRooms() {
    return [...this.places.values()].filter((place) => place.room && place.joined).map((place) => place.key);
  }

  /** All places in the order of the list: own rooms, then conversations, the newest first. */
  listed() {
    const all = [...this.places.values()];
    const rooms = all.filter((place) => place.room && (place.joined || place.key === this.open));
    rooms.sort((a, b) => a.key.localeCompare(b.key));
    const newest = (place) => place.lines.at(-1)?.at ?? 0;
    const directs = all.filter((place) => !place.room).sort((a, b) => newest(b) - newest(a));
    return { rooms, directs };
  }

  /** Opens a place: what came is read from now on. */
  show(key) {
    const before = this.places.get(this.open);
    if (before && before.key !== key) before.firstNew = null;
    this.open = key;
    if (key) this.markRead(this.place(key), true);
    this.changed('open', key);
  }

  /** The person does, or does not, look at the page. */
  watch(watching) {
    this.watching = watching;
    const place = this.places.get(this.open);
    if (watching && place) this.markRead(place, true);
  }

  markRead(place, keepLine) {
    if (!keepLine) place.firstNew = null;
    const last = place.lines.findLast((line) => line.cursor);
    if (last) this.read[place.key] = { node: last.fromNode, cursor: last.cursor };
    if (place.unread || place.mention) {
      place.unread = 0;
      place.mention = false;
      this.changed('places');
    }
    this.changed('read');
  }

  unread() {
    let sum = 0;
    let mention = false;
    for (const place of this.places.values()) {
      sum += place.unread;
      mention ||= place.mention || (!place.room && place.unread > 0);
    }
    return { sum, mention };
  }

  // ---- events

  event(event) {
    const [kind, body] = Object.entries(event)[0] ?? [];
    if (kind && Object.hasOwn(HANDLERS, kind)) HANDLERS[kind](this, body ?? {});
  }

  /** Whether something with this id was shown before; remembers it. */
  again(id) {
    if (this.seen.has(id)) return true;
    this.seen.add(id);
    if (this.seen.size > MOST_SEEN) this.seen.delete(this.seen.values().next().value);
    return false;
  }

  message(body) {
    if (this.again(body.id)) return;
    const place = this.place(body.room);
    const mine = this.isMe(body.author, body.node);
    this.remember(`${body.author}@${body.node}`, body.via);
    this.add(place, { ...this.line(body), author: body.author, node: body.node, nodeName: body.node_name, mine,
      mention: !mine && this.mentions(body.text) });
  }

  remember(who, via) {
    if (!via) return;
    this.vias.set(who, via);
    if (this.vias.size > MOST_VIAS) this.vias.delete(this.vias.keys().next().value);
  }

  directMessage(body) {
    if (this.again(`letter ${body.letter}`)) return;
    const other = body.own ? ['to', 'to_node', 'to_node_name'] : ['from', 'from_node', 'from_node_name'];
    const place = this.direct(...other.map((field) => body[field]));
    const line = { ...this.line(body), author: body.from, node: body.from_node, nodeName: body.from_node_name };
    this.add(place, { ...line, mine: body.own === true, letter: body.letter, state: body.state ?? undefined });
  }

  line(body) {
    const came = this.now() - (body.age_ms ?? 0);
    const said = body.wall_ms ?? came;
    // A message that was long on its way is shown with the time at which it was said, when that
    // can be true.
    const plausible = said <= came + CLOCK_GRACE && said > came - WEEK;
    return {
      type: 'message', id: body.id, key: body.letter ?? body.id, text: body.text, kind: body.kind ?? 0,
      at: (body.caught_up || body.late) && plausible ? Math.min(said, came) : came,
      said, came, late: body.late === true, caughtUp: body.caught_up === true, via: body.via,
      cursor: body.cursor, fromNode: this.me?.node,
    };
  }

  add(place, line) {
    place.lines.push(line);
    if (place.lines.length > MOST_LINES) {
      place.lines.shift();
      place.dropped = true;
    }
    const isNew = line.type === 'message' && !line.mine && this.isUnread(place, line);
    const here = place.key === this.open && this.watching;
    if (isNew) {
      place.firstNew ??= line.key;
      if (here) place.firstNew = place.unread ? place.firstNew : null;
      else this.count(place, line);
    }
    if (here && line.cursor) this.read[place.key] = { node: line.fromNode, cursor: line.cursor };
    this.changed('line', { place, line, fresh: isNew && this.live });
    if (isNew && !here) this.changed('places');
  }

  count(place, line) {
    place.unread += 1;
    place.mention ||= line.mention === true;
  }

  isUnread(place, line) {
    if (this.live) return true;
    const read = this.read[place.key];
    // Of another node's order nothing is known: its history counts as read.
    return read !== undefined && read.node === line.fromNode && line.cursor > read.cursor;
  }

  /** Whether a text names the person. */
  mentions(text) {
    const name = this.me?.name;
    if (!name) return false;
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, 'iu').test(text);
  }

  /** Says something in words, in the rooms that it may be about. */
  notice(what, args, { warning = false, only } = {}) {
    const line = { type: 'notice', key: `notice ${(this.lines += 1)}`, what, args, warning, at: this.now() };
    const places = only ? [only] : [...this.places.values()].filter((place) => place.room && place.joined);
    for (const place of places) this.add(place, { ...line });
  }

  /** Adds to the last line when it says the same of the same node. */
  gone(body) {
    const what = body.refused ? 'gone_refused' : body.before_start ? 'gone_before' : 'gone';
    let added = false;
    for (const place of this.places.values()) {
      const last = place.lines.at(-1);
      if (last?.what === what && last.args[1] === body.node_name) {
        last.args = [last.args[0] + body.count, body.node_name];
        this.changed('redraw', { place, line: last });
        added = true;
      }
    }
    if (!added) this.notice(what, [body.count, body.node_name]);
  }

  // ---- own messages

  find(key) {
    for (const place of this.places.values()) {
      const line = place.lines.find((one) => one.key === key || one.id === key);
      if (line) return { place, line };
    }
    return null;
  }

  directState(body) {
    const found = this.find(body.letter);
    if (!found) return;
    found.line.state = body.state;
    this.changed('redraw', found);
  }

  // ---- people and nodes

  setPeople(people) {
    const now = this.now();
    this.people = new Map(
      people.map((person) => [`${person.name}@${person.node}`, { ...person, since: now - person.since_ms }]),
    );
    const me = people.find((person) => person.me);
    if (me && this.me) this.beMyself(me.name);
    this.changed('people');
  }

  person(body) {
    const key = `${body.name}@${body.node}`;
    const known = this.people.get(key) ?? { rooms: [], me: false };
    const { name, node, node_name, state, note } = body;
    this.people.set(key, { ...known, name, node, node_name, state, note, since: this.now() });
    this.changed('people');
    this.changed('stale', 'people');
  }

  setNodes(nodes) {
    const now = this.now();
    this.nodes = new Map(nodes.map((node) => [node.node, { ...node, since: now - node.since_ms }]));
    this.changed('nodes');
  }

  setStatus(status) {
    this.missing = status.missing ?? null;
    this.changed('mesh');
  }
}

const HANDLERS = {
  message: (chat, body) => chat.message(body),
  direct: (chat, body) => chat.directMessage(body),
  direct_state: (chat, body) => chat.directState(body),
  person: (chat, body) => chat.person(body),
  node: (chat) => chat.changed('stale', 'nodes'),
  partition(chat, body) {
    if (body.state === 'merged') chat.notice('merged', [body.back ?? 0, body.theirs ?? 0]);
    else if (body.state === 'isolated') chat.notice('isolated', [], { warning: true });
    else chat.notice('split', [body.reachable, body.known, body.missing ?? []], { warning: true });
    chat.changed('stale', 'nodes');
  },
  missed(chat, body) {
    if (body.messages > 0) chat.notice('missed', [body.messages], { warning: true });
    if (body.why === 'restart') chat.notice('missed_restart', []);
    chat.changed('stale', 'people');
  },
  gone: (chat, body) => chat.gone(body),
  caught_up(chat) {
    chat.live = true;
    chat.changed('caught_up');
  },
  key: (chat, body) => chat.notice('key_changed', [body.name], { warning: true }),
  key_shared: (chat, body) => chat.notice('key_shared', [body.node_name], { warning: true }),
};
