// The lists of rooms, conversations and people.
import { $, arrows, el, reconcile, say } from './dom.js';
import { dot, icon } from './icons.js';
import { t } from './texts.js';
import { name, plain } from './words.js';

const STATES = ['online', 'away', 'unreachable', 'offline'];
const MOST_OTHERS = 30;
const MOST_PEOPLE = 300;

export class Lists {
  /** `acts` has open(key), join(room). `cards` shows what is known of a person. */
  constructor(chat, cards, acts) {
    this.chat = chat;
    this.cards = cards;
    this.acts = acts;
    arrows($('places'), '.item');
    arrows($('people'), '.item');
  }

  drawPlaces() {
    const { rooms, directs } = this.chat.listed();
    const make = (place) => this.placeItem(place);
    const update = (item, place) => this.updatePlace(item, place);
    const key = (place) => place.key;
    reconcile($('rooms'), rooms, key, make, update);
    reconcile($('directs'), directs, key, make, update);
    $('directs-part').hidden = directs.length === 0;
    const others = this.chat.known.filter((room) => !room.joined).slice(0, MOST_OTHERS);
    $('others-part').hidden = others.length === 0;
    reconcile($('others'), others, (room) => room.room, (room) => this.otherItem(room), (item, room) => {
      say(item.querySelector('.small'), t('people_in', room.people));
    });
    this.drawElsewhere();
  }

  placeItem(place) {
    const label = place.room ? name(place.name, 'span.grow') : el('span.grow', {}, name(place.name), el('span.small', {}, name(place.nodeName)));
    const button = el('button.item', { type: 'button', onclick: () => this.acts.open(place.key) });
    if (!place.room) button.append(el('span.state'));
    button.append(label);
    if (place.private) button.append(icon('lock'), el('span.sr-only', {}, t('private_room')));
    button.append(el('span.badge', { hidden: true }), el('span.sr-only.spoken'));
    return el('li', {}, button);
  }

  updatePlace(item, place) {
    const button = item.firstElementChild;
    if (place.key === this.chat.open) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    button.classList.toggle('unread', place.unread > 0);
    const badge = button.querySelector('.badge');
    badge.hidden = place.unread === 0;
    badge.classList.toggle('mention', place.mention || !place.room);
    badge.setAttribute('aria-hidden', 'true');
    say(badge, (place.mention && place.room ? '@ ' : '') + short(place.unread));
    const spoken = place.unread ? t('unread', place.unread) + (place.mention ? `, ${t('mentioned')}` : '') : '';
    say(button.querySelector('.spoken'), spoken);
    if (!place.room) this.updateState(button.querySelector('.state'), place.key);
  }

  updateState(holder, key) {
    const state = this.chat.people.get(key)?.state ?? 'unknown';
    if (holder.dataset.state === state) return;
    holder.dataset.state = state;
    holder.replaceChildren(dot(state), el('span.sr-only', {}, stateWord(state)));
  }

  otherItem(room) {
    const label = el('span.grow', {}, name(room.room), el('span.small'));
    return el('li', {}, el('button.item', { type: 'button', onclick: () => this.acts.join(room.room) }, label));
  }

  /** The count on the button that opens the list, where the list is not in sight. */
  drawElsewhere() {
    const { sum, mention } = this.chat.unread();
    const badge = $('elsewhere');
    badge.hidden = sum === 0;
    badge.classList.toggle('mention', mention);
    badge.setAttribute('aria-hidden', 'true');
    say(badge, short(sum));
    const label = t('open_places') + (sum ? `, ${t('unread', sum)}` : '');
    $('show-places').setAttribute('aria-label', label);
  }

  drawPeople() {
    const room = this.chat.places.get(this.chat.open);
    const all = [...this.chat.people.values()].sort(byState);
    const isHere = (person) => !room?.room || person.rooms.includes(room.key);
    const here = all.filter(isHere).slice(0, MOST_PEOPLE);
    const elsewhere = all.filter((person) => !isHere(person)).slice(0, MOST_PEOPLE);
    this.drawGroup($('here'), here);
    this.drawGroup($('elsewhere-people'), elsewhere);
    say($('here-title'), room?.room ? `${plain(room.name)} · ${t('people_in', here.length)}` : t('people_in', here.length));
    say($('elsewhere-title'), elsewhere.length ? t('elsewhere') : all.length ? '' : t('nobody'));
    $('elsewhere-title').hidden = elsewhere.length === 0 && all.length > 0;
    for (const item of $('directs').children) {
      this.updateState(item.querySelector('.state'), item.dataset.key);
    }
    this.cards.refresh();
  }

  drawGroup(list, people) {
    reconcile(list, people, (person) => `${person.name}@${person.node}`, (person) => this.personItem(person), updatePerson);
  }

  personItem(person) {
    const key = `${person.name}@${person.node}`;
    const button = el('button.item', { type: 'button', 'aria-expanded': 'false' },
      el('span.state'), el('span.grow', {}, el('span.label', {}, name(person.name), el('span.me')), el('span.small')));
    const item = el('li', {}, button);
    this.cards.attach(item, button, key);
    return item;
  }
}

function updatePerson(item, person) {
  const holder = item.querySelector('.state');
  if (holder.dataset.state !== person.state) {
    holder.dataset.state = person.state;
    holder.replaceChildren(dot(person.state));
  }
  say(item.querySelector('.me'), person.me ? ` (${t('you')})` : '');
  const words = [plain(person.node_name), stateWord(person.state)];
  if (person.muted) words.push(t('muted'));
  if (person.note) words.push(plain(person.note));
  say(item.querySelector('.small'), words.join(' · '));
}

export function stateWord(state) {
  return STATES.includes(state) ? t(state) : t('unknown');
}

function byState(a, b) {
  const rank = (person) => (STATES.indexOf(person.state) + 5) % 5;
  return rank(a) - rank(b) || a.name.localeCompare(b.name) || a.node_name.localeCompare(b.node_name);
}

const short = (n) => (n > 99 ? '99+' : String(n));
