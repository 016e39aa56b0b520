// How the page stands to its node, and the node to the mesh, in words.
import { $, el, say } from './dom.js';
import { dot } from './icons.js';
import { stateWord } from './lists.js';
import { of, t } from './texts.js';
import { plain } from './words.js';

/** Shorter breaks are over before anybody could read of them. */
const BREAK_SHOWN = 1_200;

export class Standing {
  constructor({ chat, wire, home }) {
    Object.assign(this, { chat, wire, home });
    this.broken = 0;
    /** Why the node did not let us in just now. */
    this.why = '';
    setInterval(() => {
      if (!wire.ready && !$('app').hidden) this.draw();
    }, 1000);
  }

  draw() {
    if (!$('door').hidden) {
      this.drawDoor();
      return;
    }
    const words = this.words();
    const holder = $('status');
    if (holder.dataset.words !== words) {
      holder.dataset.words = words;
      holder.replaceChildren(dot(this.wire.ready ? 'online' : 'unreachable'), el('span', {}, words));
    }
    this.drawBreak();
  }

  /** Who comes in for the first time has no page yet that could tell it. */
  drawDoor() {
    if (this.wire.state !== 'waiting') return;
    say($('signin-error'), this.why || of('error', 'unreachable'));
    $('signin-go').disabled = false;
  }

  drawBreak() {
    const { wire } = this;
    if (wire.ready) [this.broken, this.why] = [0, ''];
    else this.broken ||= Date.now();
    const late = this.broken > 0 && Date.now() - this.broken > BREAK_SHOWN;
    $('offline').hidden = !late || wire.state === 'idle';
    $('retry').hidden = wire.open;
    if (late) say($('offline-words'), [this.why, this.breakWords()].filter(Boolean).join(' '));
    else if (this.broken) setTimeout(() => this.draw(), BREAK_SHOWN + 50);
  }

  words() {
    const { chat, wire, home } = this;
    const node = chat.me ? plain(chat.me.nodeName) : t('this_node');
    if (!wire.ready) {
      if (wire.open) return t('daemon_lost');
      return chat.me ? t('disconnected') : t('connecting', t('this_node'));
    }
    const connected = wire.base === home ? t('connected', node) : t('connected_other', node, new URL(home).host);
    const place = chat.places.get(chat.open);
    return place && !place.room ? `${stateWord(chat.people.get(place.key)?.state)} · ${connected}` : connected;
  }

  breakWords() {
    if (this.wire.open) return t('daemon_lost_long');
    if (this.wire.state === 'connecting') return t('waiting', 0);
    return t('waiting', Math.max(0, Math.ceil((this.wire.retryAt - Date.now()) / 1000)));
  }

  /** Who is missing, for as long as they are. */
  drawMesh() {
    const { missing } = this.chat;
    $('mesh').hidden = !missing;
    if (!missing) return;
    const names = missing.names.map(plain);
    const lost = missing.known - missing.reachable;
    const words = [
      missing.isolated ? t('isolated') : '',
      t('partition', missing.reachable, missing.known),
      names.length ? t('missing', names, Math.max(0, lost - names.length)) : '',
    ];
    say($('mesh'), words.filter(Boolean).join(' '));
  }
}
