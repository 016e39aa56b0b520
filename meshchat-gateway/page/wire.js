// The connection to a node: greets, asks, hears events, and connects again by itself, to another
// node when this one stays away.
import { store } from './store.js';

const LEAST_WAIT = 500;
const MOST_WAIT = 15_000;
const GREETING_LIMIT = 8_000;
const ASK_LIMIT = 20_000;
const PULSE = 25_000;
const PULSE_LIMIT = 10_000;
/** How long a node may be away before others are tried. */
const LOYALTY = 4_000;
/** How long the gateway of a node may be without it. */
const UNLINKED = 8_000;
const MOST_OTHERS = 16;
/** Requests that run at once, and that wait for them. */
const MOST_ASKED = 10;
const MOST_QUEUED = 64;
/** Refusals that only the person can help against. */
const FINAL = new Set(['code_needed', 'bad_code', 'bad_token', 'name_taken', 'bad_name', 'denied']);

export class WireError extends Error {
  constructor({ code = 'other', message = '', hint = '' }) {
    super(message || code);
    this.code = code;
    this.hint = hint;
  }
}

/**
 * `on` has: greeting(base) -> fields of hello; welcome(welcome, base); refused(error, base);
 * event(event, base); link(link); state().
 */
export class Wire {
  constructor(home, on) {
    this.home = home;
    this.on = on;
    this.bases = [home];
    this.state = 'idle';
    this.tries = 0;
    this.retryAt = 0;
    this.lostAt = 0;
    this.next = 1;
    this.asked = new Map();
    this.queue = [];
    this.closed = new Map();
    this.code = undefined;
    this.linked = true;
    addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.hurry();
    });
  }

  /** Connects for the first time, or once more with a code or another name. */
  start(code) {
    this.code = code;
    this.closed.clear();
    this.tries = 0;
    this.lostAt = Date.now();
    this.drop();
    this.connect(this.home);
  }

  /** Ends the connection and stays away. */
  stop() {
    clearTimeout(this.timer);
    this.drop();
    this.set('idle');
  }

  get open() {
    return this.state === 'open';
  }

  /** Whether what is said now can reach a node. */
  get ready() {
    return this.open && this.linked;
  }

  /** Tries at once, or makes sure that the other end is still there. */
  hurry() {
    if (this.state === 'waiting') {
      this.tries = Math.min(this.tries, 2);
      this.attempt();
    } else if (this.open) {
      this.pulse();
    }
  }

  ask(request, limit = ASK_LIMIT) {
    if (!this.open) return Promise.reject(new WireError({ code: 'no_link' }));
    if (this.queue.length >= MOST_QUEUED) return Promise.reject(new WireError({ code: 'too_many' }));
    return new Promise((resolve, reject) => {
      this.queue.push({ request, limit, resolve, reject });
      this.askNext();
    });
  }

  askNext() {
    while (this.open && this.asked.size < MOST_ASKED && this.queue.length > 0) {
      const { request, limit, resolve, reject } = this.queue.shift();
      const id = this.next++;
      const timer = setTimeout(() => {
        this.asked.delete(id);
        reject(new WireError({ code: 'timed_out' }));
        this.askNext();
      }, limit);
      this.asked.set(id, { resolve, reject, timer });
      this.socket.send(JSON.stringify({ id, ask: request }));
    }
  }

  // ---- one connection

  connect(base) {
    this.base = base;
    this.set('connecting');
    let socket;
    try {
      socket = new WebSocket(liveUrl(base));
    } catch {
      this.fail();
      return;
    }
    this.socket = socket;
    const mine = (act) => (event) => {
      if (this.socket === socket) act(event);
    };
    this.limit = setTimeout(mine(() => this.fail()), GREETING_LIMIT);
    socket.onopen = mine(() => {
      const code = this.code;
      socket.send(JSON.stringify({ hello: { ...this.on.greeting(base), ...(code ? { code } : {}) } }));
    });
    socket.onmessage = mine(({ data }) => this.hear(data));
    socket.onclose = mine(() => this.fail());
    socket.onerror = () => {};
  }

  hear(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    this.heardAt = Date.now();
    if (frame.welcome) this.welcomed(frame.welcome);
    else if (frame.refused) this.refused(frame.refused);
    else if (frame.event) this.on.event(frame.event, this.base);
    else if (frame.link) this.relinked(frame.link);
    else if (frame.id !== undefined) this.answered(frame);
  }

  welcomed(welcome) {
    clearTimeout(this.limit);
    this.code = undefined;
    this.tries = 0;
    this.linked = true;
    this.learn(welcome.others);
    if (welcome.token) store.setToken(originOf(this.base), welcome.token);
    clearInterval(this.beat);
    this.beat = setInterval(() => this.pulse(), PULSE);
    this.set('open');
    this.on.welcome(welcome, this.base);
  }

  refused(refusal) {
    const base = this.base;
    const code = refusal.code ?? 'other';
    this.drop();
    if (code === 'bad_token') store.setToken(originOf(base), undefined);
    if (base !== this.home && FINAL.has(code)) {
      this.closed.set(base, code);
      this.on.refused(refusal, base);
      this.later();
    } else if (FINAL.has(code)) {
      this.code = undefined;
      this.set('refused');
      this.on.refused(refusal, base);
    } else {
      this.on.refused(refusal, base);
      this.later();
    }
  }

  relinked(link) {
    this.linked = link.state !== 'lost';
    clearTimeout(this.unlinked);
    // Where there are others, a page without its node is of no use.
    if (!this.linked && this.bases.length > 1) this.unlinked = setTimeout(() => this.fail(), UNLINKED);
    this.on.link(link);
    this.on.state();
  }

  answered(frame) {
    const asked = this.asked.get(frame.id);
    if (!asked) return;
    this.asked.delete(frame.id);
    clearTimeout(asked.timer);
    if (frame.error) asked.reject(new WireError(frame.error));
    else asked.resolve(frame.ok ?? {});
    this.askNext();
  }

  async pulse() {
    if (!this.open || Date.now() - this.heardAt < PULSE_LIMIT) return;
    const socket = this.socket;
    try {
      await this.ask({ status: {} }, PULSE_LIMIT);
    } catch (error) {
      if (error.code === 'timed_out' && this.socket === socket) this.fail();
    }
  }

  drop() {
    clearTimeout(this.unlinked);
    clearTimeout(this.limit);
    clearInterval(this.beat);
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    const asked = [...this.asked.values(), ...this.queue];
    this.asked.clear();
    this.queue = [];
    for (const { reject, timer } of asked) {
      clearTimeout(timer);
      reject(new WireError({ code: 'no_link' }));
    }
  }

  // ---- coming back

  fail() {
    if (this.state === 'open') this.lostAt = Date.now();
    this.drop();
    this.later();
  }

  later() {
    const most = Math.min(MOST_WAIT, LEAST_WAIT * 2 ** this.tries);
    this.tries += 1;
    const wait = most / 2 + (Math.random() * most) / 2;
    this.retryAt = Date.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.attempt(), wait);
    this.set('waiting');
  }

  attempt() {
    clearTimeout(this.timer);
    this.connect(this.candidate());
  }

  /** The home node first; after a while each of the others, in turns with it. */
  candidate() {
    const others = this.bases.slice(1).filter((base) => !this.closed.has(base));
    if (others.length === 0 || Date.now() - this.lostAt < LOYALTY) return this.home;
    const round = [this.home, ...others];
    this.turn = ((this.turn ?? 0) + 1) % round.length;
    return round[this.turn];
  }

  learn(others) {
    for (const other of Array.isArray(others) ? others : []) {
      const base = baseOf(other);
      if (base && !this.bases.includes(base) && this.bases.length <= MOST_OTHERS) {
        this.bases.push(base);
      }
    }
  }

  set(state) {
    this.state = state;
    this.on.state();
  }
}

/** The directory of a page, if it is one that this page may connect to. */
export function baseOf(address) {
  try {
    const url = new URL(typeof address === 'string' ? address : address.url);
    const secure = location.protocol === 'https:';
    if (url.protocol !== 'https:' && (secure || url.protocol !== 'http:')) return null;
    return new URL('./', url).href.split('?')[0];
  } catch {
    return null;
  }
}

export function originOf(base) {
  return new URL(base).origin;
}

function liveUrl(base) {
  const url = new URL('api/v1/live', base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
