// How far one's own messages have come: asked for the newest by itself, for others on demand.
import { $, el, reconcile, say } from './dom.js';
import { dot } from './icons.js';
import { of, t } from './texts.js';
import { lasting } from './times.js';
import { name } from './words.js';

/** Milliseconds after sending at which the newest messages are asked about. */
const LOOKS = [700, 2_500, 8_000, 30_000];
const NEWEST = 5;
const BETWEEN = 3_000;

export class Deliveries {
  /** `ask(request)` gives a promise; `drawn(found)` draws a line again. */
  constructor(chat, ask, drawn) {
    this.chat = chat;
    this.ask = ask;
    this.drawn = drawn;
    this.newest = [];
    this.askedAt = 0;
  }

  /** A message of one's own was sent just now. */
  sent(line) {
    if (line.letter) return;
    this.newest = [...this.newest.slice(1 - NEWEST), line.id];
    for (const wait of LOOKS) {
      setTimeout(() => {
        if (this.newest.includes(line.id)) this.look(line.id);
      }, wait);
    }
  }

  /** Nodes came or went. */
  refresh() {
    if (Date.now() - this.askedAt < BETWEEN) return;
    this.askedAt = Date.now();
    for (const id of this.newest) this.look(id);
  }

  async look(id) {
    const found = this.chat.find(id);
    if (!found || (found.line.known && found.line.reached === found.line.known)) return;
    await this.get(found).catch(() => {});
  }

  async get(found) {
    const { delivery } = await this.ask({ delivery: { show: { message: found.line.id } } });
    const { line } = found;
    if (line.reached !== delivery.reached || line.known !== delivery.known) {
      Object.assign(line, { reached: delivery.reached, known: delivery.known });
      this.drawn(found);
    }
    return delivery;
  }

  /** Tells of one message in a dialog. */
  async tell(line) {
    const sum = $('delivery-sum');
    say(sum, '…');
    $('delivery-list').replaceChildren();
    $('delivery').showModal();
    const found = this.chat.find(line.key) ?? { line };
    try {
      const delivery = await this.get(found);
      say(sum, t('delivery_sum', delivery.reached, delivery.known));
      const nodes = [...delivery.nodes].sort((a, b) => a.holds - b.holds);
      reconcile($('delivery-list'), nodes, (node) => node.node, holder, () => {});
    } catch (error) {
      say(sum, [t('delivery_unknown'), error.message].filter(Boolean).join(' '));
    }
  }
}

function holder(node) {
  const words = of('holder', node.state, 'unknown');
  const since = node.since_ms == null || node.holds ? words : t('holder_for', words, lasting(Date.now() - node.since_ms));
  const shape = node.holds ? 'online' : node.state === 'unreachable' || node.state === 'lost' ? 'unreachable' : 'away';
  return el('li', {}, dot(shape), el('span', {}, el('strong', {}, name(node.name)), ` – ${since}`));
}
