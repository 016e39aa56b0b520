// What is known of one person, shown beside their name: on hover, focus and tap.
import { el } from './dom.js';
import { stateWord } from './lists.js';
import { t } from './texts.js';
import { lasting, tripTime } from './times.js';
import { hue, name, plain } from './words.js';

const EDGE = 8;
const HOVER_DELAY = 250;

export class Cards {
  /** `acts` has stale(), message(person), mute(person, on). */
  constructor(chat, acts) {
    this.chat = chat;
    this.acts = acts;
    this.shown = null;
    addEventListener('resize', () => this.hide());
    addEventListener('scroll', (event) => {
      if (this.shown && event.target.contains(this.shown.item)) this.hide();
    }, { capture: true, passive: true });
    addEventListener('pointerdown', (event) => {
      if (this.shown && !this.shown.item.contains(event.target)) this.hide();
    });
  }

  attach(item, button, key) {
    let timer;
    let pointed = false;
    const show = () => this.show(item, button, key);
    item.addEventListener('pointerenter', (event) => {
      if (event.pointerType === 'mouse') timer = setTimeout(show, HOVER_DELAY);
    });
    item.addEventListener('pointerleave', (event) => {
      clearTimeout(timer);
      if (event.pointerType === 'mouse' && !item.contains(document.activeElement)) this.hide(item);
    });
    // A tap shows and hides it by its click.
    button.addEventListener('pointerdown', () => { pointed = true; });
    button.addEventListener('focus', () => {
      if (!pointed) show();
    });
    item.addEventListener('focusout', (event) => {
      if (!item.contains(event.relatedTarget)) this.hide(item);
    });
    button.addEventListener('click', () => {
      pointed = false;
      if (this.shown?.item === item && this.shown.pinned) this.hide();
      else {
        show();
        if (this.shown) this.shown.pinned = true;
      }
    });
  }

  show(item, button, key) {
    if (this.shown?.item === item) return;
    this.hide();
    const card = el('div.card', { id: 'card' });
    this.shown = { item, button, key, card, pinned: false };
    this.fill();
    item.append(card);
    button.setAttribute('aria-expanded', 'true');
    button.setAttribute('aria-describedby', 'card');
    this.put();
    this.acts.stale();
  }

  hide(item) {
    if (!this.shown || (item && this.shown.item !== item)) return false;
    const { card, button } = this.shown;
    this.shown = null;
    const focused = card.contains(document.activeElement);
    card.remove();
    button.setAttribute('aria-expanded', 'false');
    button.removeAttribute('aria-describedby');
    if (focused) button.focus();
    return true;
  }

  /** Something changed: shows it without moving the focus. */
  refresh() {
    if (!this.shown) return;
    if (!this.shown.item.isConnected || !this.chat.people.has(this.shown.key)) this.hide();
    else if (!this.shown.card.contains(document.activeElement)) {
      this.fill();
      this.put();
    }
  }

  fill() {
    const { card, key } = this.shown;
    const person = this.chat.people.get(key);
    if (!person) return;
    const who = name(person.name, 'p.who');
    who.classList.add(hue(key));
    const facts = el('dl');
    for (const [label, value] of this.facts(person)) {
      facts.append(el('dt', {}, t(label)), el('dd', {}, value));
    }
    card.replaceChildren(who, el('p', {}, t('state_for', stateWord(person.state), lasting(person.since))), facts);
    if (!person.me) card.append(this.buttons(person));
  }

  facts(person) {
    const node = this.chat.nodes.get(person.node);
    const facts = [];
    if (person.note) facts.push(['card_note', name(person.note)]);
    facts.push(['card_node', name(person.node_name + (person.verified ? ` (${t('verified')})` : ''))]);
    facts.push(['card_path', node ? pathWords(node) : t('not_known')]);
    if (node?.state !== 'here') {
      const trip = this.chat.trips.get(person.node);
      facts.push(['card_rtt', trip ? tripTime(trip) : t('not_known')]);
    }
    facts.push(['card_version', node?.software ? plain(node.software) : t('not_known')]);
    const via = this.chat.vias.get(this.shown.key);
    const door = via ? t('via_door', plain(via)) : t('via_gateway');
    facts.push(['card_via', person.gateway ? door : t('via_user')]);
    const rooms = person.rooms.slice(0, 6).map(plain).join(', ');
    if (rooms) facts.push(['card_rooms', rooms]);
    return facts;
  }

  buttons(person) {
    return el('div.acts', {},
      el('button', { type: 'button', onclick: () => this.acts.message(person) }, t('message_them')),
      el('button', { type: 'button', onclick: () => this.acts.mute(person, !person.muted) }, t(person.muted ? 'unmute' : 'mute')));
  }

  /** Beside the name, or under it where there is no room. */
  put() {
    const { button, card } = this.shown;
    const at = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = card;
    const beside = at.left - width - EDGE >= EDGE;
    const left = beside ? at.left - width - EDGE + 1 : Math.min(at.left, innerWidth - width - EDGE);
    let top = beside ? at.top : at.bottom;
    if (top + height > innerHeight - EDGE) top = beside ? innerHeight - height - EDGE : at.top - height;
    card.style.left = `${Math.max(EDGE, left)}px`;
    card.style.top = `${Math.max(EDGE, top)}px`;
  }
}

export function pathWords(node) {
  if (node.state === 'here') return t('path_here');
  if (node.hops == null) return t('path_none');
  if (node.hops === 1) return t('path_direct');
  const between = (node.path ?? []).slice(0, -1).map((hop) => plain(hop.name));
  const names = between.length ? between : node.via ? [plain(node.via)] : [];
  return names.length ? t('path_over', names, node.hops) : t('not_known');
}
