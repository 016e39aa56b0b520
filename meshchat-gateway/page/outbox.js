// What is said: kept until the node has it, in order, and never said twice.
import { MOST_WAITING } from './store.js';

const LEAST_PAUSE = 1_000;
const MOST_PAUSE = 15_000;
/** How long a message that the node took may need to be heard. */
const ECHO = 5_000;
/** Ages of messages are told in whole steps, and take a moment to arrive. */
const CLOCK_GRACE = 2_000;
/** Trying again does not help against these. */
const HOPELESS = new Set(['bad_argument', 'not_found', 'ambiguous', 'denied', 'bad_frame', 'unknown_request']);

const same = (text) => text.trim().normalize('NFC');

export class Outbox {
  /**
   * `ask(request)` gives a promise; `ready()` tells whether the node can be asked and history is
   * shown; `keep(items)` stores them; `changed()` is called when what waits is another thing.
   */
  constructor({ ask, ready, keep, changed, items = [] }) {
    Object.assign(this, { ask, ready, keep, changed });
    // It is not known what became of those that were under way when the page closed.
    this.items = items.map((item) => ({ ...item, taken: false, doubted: item.doubted || item.tried }));
    this.busy = false;
    this.pause = LEAST_PAUSE;
  }

  get full() {
    return this.items.length >= MOST_WAITING;
  }

  of(place) {
    return this.items.filter((item) => item.place === place);
  }

  put(item) {
    this.items.push({ key: `${Date.now()}-${Math.random()}`, at: Date.now(), ...item });
    this.save();
    this.flush();
  }

  again(item) {
    delete item.error;
    this.save();
    this.flush();
  }

  discard(item) {
    this.items = this.items.filter((one) => one !== item);
    this.save();
  }

  save() {
    this.keep(this.items.filter((item) => !item.taken));
    this.changed();
  }

  /** An own message came: what was tried and says the same is done. */
  saw(place, line) {
    const says = (one) => one.place === place && one.kind === line.kind && same(one.text) === same(line.text);
    const item = this.items.find((one) =>
      (one.id && one.id === line.id) || (one.tried && says(one) && line.came > one.tried - CLOCK_GRACE));
    if (item) this.discard(item);
  }

  /** Sends what waits, one after the other. */
  async flush() {
    if (this.busy) return;
    this.busy = true;
    try {
      for (;;) {
        const item = this.ready() && this.items.find((one) => !one.error && !one.taken);
        if (!item || !(await this.sendOne(item))) break;
      }
    } finally {
      this.busy = false;
    }
  }

  async sendOne(item) {
    const first = !item.tried;
    item.tried = item.doubted ? item.tried : Date.now();
    if (first) this.keep(this.items);
    try {
      const reply = await this.ask(request(item));
      item.taken = true;
      item.id = reply.sent?.id ?? reply.direct?.id ?? undefined;
      this.pause = LEAST_PAUSE;
      this.took(item);
      return true;
    } catch (error) {
      return this.failed(item, error);
    }
  }

  took(item) {
    if (!this.items.includes(item)) return;
    this.save();
    // Its echo draws it; one that never comes must not leave it here for ever.
    setTimeout(() => this.discard(item), ECHO);
  }

  failed(item, error) {
    if (!this.items.includes(item)) return true;
    if (HOPELESS.has(error.code)) {
      item.error = [error.message, error.hint].filter(Boolean).join('; ');
      this.save();
      return true;
    }
    if (error.code === 'no_link' || error.code === 'lost' || error.code === 'timed_out') item.doubted = true;
    setTimeout(() => this.flush(), this.pause);
    this.pause = Math.min(MOST_PAUSE, this.pause * 2);
    return false;
  }
}

function request({ place, to, text, kind }) {
  return to ? { dm: { send: { to, text, kind } } } : { send: { room: place, text, kind } };
}
