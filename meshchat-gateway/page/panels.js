// The lists beside the messages, which lie over them where there is no room; and the keys.
import { $ } from './dom.js';

const IDS = ['places', 'people'];
const FIRST = '[aria-current="true"], .item, button';

export class Panels {
  /** `changed(id)` is called when one opens, and without an id when they close. */
  constructor(changed) {
    this.changed = changed;
    // A window that grows shows them anyway.
    addEventListener('resize', () => {
      const open = this.open;
      if (open && getComputedStyle($(open)).position !== 'fixed') this.close();
    });
  }

  get open() {
    return IDS.find((id) => $(id).classList.contains('open'));
  }

  toggle(id) {
    const before = this.open;
    this.close();
    if (before === id) return;
    this.mark(id, true);
    $('chat').inert = true;
    this.changed(id);
    this.focus(id);
  }

  /** Whether one was open. */
  close() {
    const id = this.open;
    this.changed();
    if (!id) return false;
    this.mark(id, false);
    $('chat').inert = false;
    $(`show-${id}`).focus();
    return true;
  }

  mark(id, open) {
    $(id).classList.toggle('open', open);
    $(`show-${id}`).setAttribute('aria-expanded', String(open));
  }

  /** Moves into a list, and opens it first where it is not in sight. */
  toList(id) {
    if (getComputedStyle($(id)).display === 'none') this.toggle(id);
    else this.focus(id);
  }

  focus(id) {
    const all = [...$(id).querySelectorAll(FIRST)].filter((node) => node.offsetParent !== null);
    const now = all.find((node) => node.hasAttribute('aria-current')) ?? all.find((node) => node.matches('.item'));
    (now ?? all[0])?.focus();
  }
}

/** `acts` has active(), step(by, onlyNew), list(id), map(), escape(). */
export function listenKeys(acts) {
  document.addEventListener('keydown', (event) => {
    if (!acts.active() || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const act = keyed(event, acts);
    if (!act) return;
    event.preventDefault();
    act();
  });
}

function keyed(event, acts) {
  const { key, code, altKey, shiftKey } = event;
  const ctrl = event.ctrlKey || event.metaKey;
  if (key === 'Escape') return acts.escape;
  if (ctrl && !altKey && code === 'KeyK') return () => acts.list('places');
  if (!altKey || ctrl) return null;
  if (key === 'ArrowDown') return () => acts.step(1, shiftKey);
  if (key === 'ArrowUp') return () => acts.step(-1, shiftKey);
  if (code === 'KeyP') return () => acts.list('people');
  if (code === 'KeyM') return acts.map;
  return null;
}
