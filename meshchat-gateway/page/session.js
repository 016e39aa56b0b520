// One person in the chat: what the page asks of the node, when, and what it makes of the answers.
import { Chat } from './chat.js';
import { roomName } from './commands.js';
import { Outbox } from './outbox.js';
import { store } from './store.js';
import { Wire, originOf } from './wire.js';

const FIRST_LINES = 500;
/** Least time between two questions about the same. */
const PATIENCE = { people: 2_500, nodes: 2_500 };
const EVERY = 60_000;
const TRIPS_KEPT = 15_000;

export class Session {
  /** `on` has changed(what, detail), state(), refused(error, base), problem(error). */
  constructor(home, on) {
    this.on = on;
    this.home = home;
    this.chat = new Chat((what, detail) => this.noticed(what, detail));
    this.chat.read = store.seen;
    this.chat.selves = new Set(store.selves);
    this.cursors = new Map();
    this.due = {};
    this.tripsAt = new Map();
    this.wire = new Wire(home, {
      greeting: (base) => this.greeting(base),
      welcome: (welcome, base) => this.welcome(welcome, base),
      refused: (error, base) => on.refused(error, base),
      event: (event, base) => this.event(event, base),
      link: (link) => this.link(link),
      state: () => on.state(),
    });
    this.outbox = new Outbox({
      ask: (request) => this.wire.ask(request),
      ready: () => this.wire.ready && this.chat.live,
      keep: (items) => { store.waiting = items; },
      changed: () => on.changed('waiting'),
      items: store.waiting,
    });
    setInterval(() => {
      if (!document.hidden) this.stale('people');
    }, EVERY);
  }

  enter(name, code) {
    store.name = name;
    this.wire.start(code);
  }

  greeting(base) {
    const known = this.cursors.get(base);
    const rooms = store.rooms;
    return {
      name: store.name,
      token: store.token(originOf(base)) ?? store.token(originOf(this.home)),
      ...(rooms?.length ? { rooms } : {}),
      ...(known ? { since: known.cursor } : { last: FIRST_LINES }),
    };
  }

  welcome(welcome, base) {
    const known = this.cursors.get(base);
    if (known && known.node !== welcome.node) {
      // Another node answers here now, in whose order the cursor means nothing.
      this.cursors.delete(base);
      this.wire.start();
      return;
    }
    this.cursors.set(base, known ?? { node: welcome.node, cursor: 0 });
    const { name, node, node_name, software, gateway, network_name } = welcome;
    this.chat.entered({ name, node, nodeName: node_name, software, gateway, networkName: network_name });
    this.keepSelf();
    this.refresh();
    if (store.away !== null) this.ask({ away: { away: true, note: store.away } }).catch(() => {});
  }

  keepSelf() {
    store.name = this.chat.me.name;
    store.selves = [...this.chat.selves];
  }

  event(event, base) {
    const cursor = (event.message ?? event.direct)?.cursor;
    const known = this.cursors.get(base);
    if (known && cursor > known.cursor) known.cursor = cursor;
    this.chat.event(event);
  }

  link(link) {
    if (link.state !== 'back') return;
    this.refresh();
    this.outbox.flush();
  }

  ask(request) {
    return this.wire.ask(request);
  }

  // ---- what is known of others

  refresh() {
    this.due = {};
    this.stale('people');
    this.stale('nodes');
  }

  /** Something may be out of date: asks soon, and not too often. */
  stale(what) {
    if (this.due[what]) return;
    const wait = Math.max(0, (this.due[`${what}At`] ?? 0) + PATIENCE[what] - Date.now());
    this.due[what] = setTimeout(() => {
      this.due[what] = 0;
      this.due[`${what}At`] = Date.now();
      if (this.wire.ready) this[what]().catch((error) => this.on.problem(error));
    }, wait || 50);
  }

  async people() {
    const [rooms, people] = await Promise.all([this.ask({ rooms: {} }), this.ask({ who: {} })]);
    this.chat.setRooms(rooms.rooms ?? []);
    this.chat.setPeople(people.people ?? []);
    store.rooms = this.chat.joinedRooms().filter((room) => !room.startsWith('#~'));
    if (this.chat.me) this.keepSelf();
  }

  async nodes() {
    const status = await this.ask({ status: {} });
    this.chat.setStatus(status.status ?? {});
    const nodes = await this.ask({ nodes: {} });
    this.chat.setNodes(nodes.nodes ?? []);
  }

  /** The round trip to a node, asked at most now and then. */
  async trip(node) {
    if (Date.now() - (this.tripsAt.get(node) ?? 0) < TRIPS_KEPT) return;
    this.tripsAt.set(node, Date.now());
    const { pong } = await this.ask({ ping: { node, timeout_ms: 3000 } });
    if (pong) this.chat.trips.set(node, pong.rtt_us);
    this.chat.changed('people');
  }

  noticed(what, detail) {
    if (what === 'stale') this.stale(detail);
    if (what === 'caught_up') this.outbox.flush();
    if (what === 'line' && detail.line.mine) this.outbox.saw(detail.place.key, detail.line);
    if (what === 'read') this.keepSeen();
    this.on.changed(what, detail);
  }

  keepSeen() {
    clearTimeout(this.seenTimer);
    this.seenTimer = setTimeout(() => { store.seen = this.chat.read; }, 400);
  }

  // ---- what the person wants

  say(place, text, kind) {
    const to = place.room ? undefined : `${place.name}@${place.node}`;
    this.outbox.put({ place: place.key, to, text, kind });
  }

  async join(room) {
    await this.ask({ join: { room } });
    const key = roomName(room);
    this.chat.place(key, { joined: true });
    await this.people();
    this.chat.show(key);
  }

  async leave(room) {
    await this.ask(room.startsWith('#~') ? { private: { leave: { room } } } : { leave: { room } });
    this.chat.place(room).joined = false;
    if (this.chat.open === room) this.chat.show(this.chat.joinedRooms()[0] ?? '');
    await this.people();
  }

  async nick(name) {
    await this.ask({ nick: { name } });
    this.chat.beMyself(name.normalize('NFC'));
    await this.people();
    this.chat.changed('me');
    return this.chat.me.name;
  }

  async away(away, note) {
    await this.ask({ away: { away, note } });
    store.away = away ? note : null;
    await this.people();
  }

  async mute(person, on) {
    const who = `${person.name}@${person.node}`;
    await this.ask({ names: on ? { mute: { who } } : { unmute: { who } } });
    await this.people();
  }

  /** The conversation with whoever is called so; none when it is not clear who that is. */
  find(to) {
    const [name, node] = to.includes('@') ? [to.slice(0, to.lastIndexOf('@')), to.slice(to.lastIndexOf('@') + 1)] : [to];
    const called = [...this.chat.people.values()].filter((person) =>
      person.name.toLowerCase() === name.toLowerCase() && !person.me &&
      (!node || person.node_name === node || person.node.startsWith(node.replaceAll('-', ''))));
    const best = called.length === 1 ? called[0] : called.find((person) => person.node === this.chat.me?.node && !node);
    return best ? this.chat.direct(best.name, best.node, best.node_name) : null;
  }
}
