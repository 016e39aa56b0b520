// Draws the lines of the open place.
import { MOST_LINES } from './chat.js';
import { el, say } from './dom.js';
import { of, t } from './texts.js';
import { day, dayOf, moment, time } from './times.js';
import { hue, name, plain, text } from './words.js';

/** Messages of one person within this time stand under one name. */
const TOGETHER = 5 * 60_000;
const NEAR_END = 48;
const LONG = 1500;
const LONG_LINES = 25;

export class Log {
  /** `acts` has delivery(line), again(item), discard(item), nearEnd(). */
  constructor(root, button, acts) {
    this.root = root;
    this.button = button;
    this.acts = acts;
    this.lines = el('div');
    this.pending = el('div');
    this.end = el('div');
    root.append(this.lines, this.pending, this.end);
    this.nodes = new Map();
    this.below = 0;
    this.stuck = true;
    this.top = 0;
    root.addEventListener('scroll', () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.settle()).observe(root);
    new ResizeObserver(() => this.settle()).observe(this.lines);
    button.addEventListener('click', () => this.toEnd());
  }

  /** Draws a place from its lines. */
  show(place) {
    // What was said before is not read out.
    this.root.setAttribute('aria-live', 'off');
    this.root.setAttribute('aria-label', t('messages_of', plain(place?.name ?? '')));
    this.place = place;
    this.nodes.clear();
    this.last = null;
    this.below = 0;
    const all = document.createDocumentFragment();
    if (place?.dropped) all.append(el('p.empty', {}, t('older_dropped')));
    let first = null;
    for (const line of place?.lines ?? []) {
      if (line.key === place.firstNew) first = all.appendChild(el('p.new-line', {}, t('new_from_here')));
      this.draw(line, all);
    }
    if (!place) all.append(el('p.empty', {}, t('not_open')));
    else if (place.lines.length === 0) all.append(el('p.empty', {}, t('no_messages')));
    this.lines.replaceChildren(all);
    this.stuck = true;
    this.settle();
    if (first) {
      first.scrollIntoView({ block: 'start' });
      this.stuck = this.isAtEnd();
    }
    this.count();
    setTimeout(() => this.root.setAttribute('aria-live', 'polite'), 500);
  }

  add(line) {
    if (this.nodes.size === 0) this.lines.querySelector('.empty')?.remove();
    if (this.place.firstNew === line.key && !this.stuck) {
      this.lines.append(el('p.new-line', {}, t('new_from_here')));
    }
    this.draw(line, this.lines);
    while (this.nodes.size > MOST_LINES) this.dropFirst();
    if (!this.stuck && !line.mine) this.below += 1;
    if (line.mine) this.stuck = true;
    this.settle();
    this.count();
  }

  redraw(line) {
    const old = this.nodes.get(line.key);
    if (!old) return;
    const fresh = this.make(line, !old.classList.contains('first'));
    const focused = old.contains(document.activeElement);
    old.replaceWith(fresh);
    this.nodes.set(line.key, fresh);
    if (focused) fresh.querySelector('.marks button')?.focus();
  }

  draw(line, into) {
    if (!this.last || dayOf(this.last.at) !== dayOf(line.at)) {
      into.append(el('p.day', {}, el('span', {}, day(line.at))));
      this.last = null;
    }
    const node = this.make(line, this.follows(line));
    this.nodes.set(line.key, node);
    into.append(node);
    this.last = line;
  }

  follows(line) {
    const last = this.last;
    return (
      last?.type === 'message' && line.type === 'message' && last.author === line.author &&
      last.node === line.node && line.at - last.at < TOGETHER && line.at >= last.at &&
      last.via === line.via && !line.late && line.caughtUp === last.caughtUp
    );
  }

  dropFirst() {
    const [key, node] = this.nodes.entries().next().value;
    while (node.previousElementSibling) node.previousElementSibling.remove();
    // The day of what is the first now must be said again, unless it is.
    if (!node.nextElementSibling?.classList.contains('day')) {
      node.before(el('p.empty', {}, t('older_dropped')));
    }
    node.remove();
    this.nodes.delete(key);
  }

  make(line, follows) {
    if (line.type === 'notice') {
      return el(line.warning ? 'p.notice.warning' : 'p.notice', {}, el('span', {}, t(line.what, ...tidy(line.args))));
    }
    const node = el('div.msg', { dataset: { id: line.id ?? '' } });
    if (!follows) node.classList.add('first');
    if (line.mine) node.classList.add('mine');
    if (line.mention) node.classList.add('mention');
    if (line.kind === 1) node.classList.add('action');
    const stamp = el('time', { datetime: isoTime(line.at), title: stampHint(line) }, time(line.at));
    const words = text(line.kind === 1 ? `${plain(line.author)} ${line.text}` : line.text);
    const row = el('div.row', {}, words, this.marks(line));
    if (follows) {
      row.append(stamp);
      node.append(el('span.sr-only', {}, name(line.author)), row);
    } else {
      node.append(head(line, stamp), row);
    }
    if (isLong(line.text)) this.fold(node);
    return node;
  }

  fold(node) {
    node.classList.add('long');
    const more = el('button.show-all', { type: 'button', onclick: () => {
      node.classList.remove('long');
      more.remove();
    } }, t('show_all'));
    node.append(more);
  }

  marks(line) {
    if (!line.mine) return null;
    if (line.letter) {
      const state = line.state ?? 'unknown';
      const bad = state === 'expired' || state === 'refused';
      const mark = el(bad ? 'span.failed' : 'span', { title: of('letter_hint', state, 'unknown') }, of('letter', state, 'unknown'));
      return el('div.marks', {}, mark);
    }
    const known = line.known > 0;
    const words = known ? t('reached', line.reached, line.known) : t('sent');
    const open = known && line.reached < line.known;
    const fields = { type: 'button', onclick: () => this.acts.delivery(line), 'aria-haspopup': 'dialog' };
    return el('div.marks', {}, el(open ? 'button.open' : 'button', fields, words));
  }

  /** Draws what waits to be sent. */
  showPending(items) {
    this.pending.replaceChildren(...items.map((item) => this.waiting(item)));
    this.settle();
  }

  waiting(item) {
    const node = el('div.msg.mine.first');
    if (item.kind === 1) node.classList.add('action');
    const marks = el('div.marks');
    if (item.error) {
      marks.append(
        el('span.failed', {}, `${t('not_sent')}: ${plain(item.error)}`),
        el('button.act', { type: 'button', onclick: () => this.acts.again(item) }, t('send_again')),
        el('button.act', { type: 'button', onclick: () => this.acts.discard(item) }, t('discard')),
      );
    } else {
      marks.append(el('span.open', { title: t('sending_hint') }, t('sending')));
    }
    node.append(el('div.row', {}, text(item.text), marks));
    return node;
  }

  // ---- scrolling

  isAtEnd() {
    return this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR_END;
  }

  /** Only who scrolls back leaves the end: what is added moves it away from under them. */
  scrolled() {
    const back = this.root.scrollTop < this.top - 2;
    this.top = this.root.scrollTop;
    if (this.isAtEnd()) this.stuck = true;
    else if (back) this.stuck = false;
    if (this.stuck) this.below = 0;
    this.count();
  }

  /** Stays at the end if it was there. */
  settle() {
    if (this.stuck) this.root.scrollTop = this.root.scrollHeight;
  }

  /** The person said something: they want to see it. */
  toEndQuietly() {
    this.stuck = true;
    this.below = 0;
    this.settle();
    this.count();
  }

  toEnd() {
    this.toEndQuietly();
    this.root.focus({ preventScroll: true });
  }

  count() {
    this.button.hidden = this.stuck;
    say(this.button, this.below > 0 ? t('new_below', this.below) : t('to_newest'));
  }
}

function head(line, stamp) {
  const author = name(line.author, 'span.author');
  author.classList.add(hue(`${line.author}@${line.node}`));
  const from = el('span.from', {}, '@', name(line.nodeName));
  // Most come by a page like this one.
  if (line.via && line.via !== 'web') from.append(' ', t('by_door', plain(line.via)));
  const row = el('div.head', {}, author, from);
  if (line.late) row.append(el('span.tag.late', { title: t('late_hint') }, t('late')));
  else if (line.caughtUp) row.append(el('span.tag', { title: t('caught_up_hint') }, t('caught_up')));
  row.append(stamp);
  return row;
}

function stampHint(line) {
  return t('said_at', moment(line.said), moment(line.came));
}

function isoTime(at) {
  return Number.isFinite(at) && Math.abs(at) < 8.64e15 ? new Date(at).toISOString() : '';
}

function isLong(words) {
  return words.length > LONG || words.split('\n', LONG_LINES + 1).length > LONG_LINES;
}

/** Names that a notice speaks of come from others. */
function tidy(args) {
  const one = (arg) => (typeof arg === 'string' ? plain(arg) : Array.isArray(arg) ? arg.map(plain) : arg);
  return args.map(one);
}
