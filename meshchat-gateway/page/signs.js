// What is seen of the page from outside: title, icon, notifications.
import { $ } from './dom.js';
import { store } from './store.js';
import { t } from './texts.js';
import { plain } from './words.js';

/** Notifications need https or this machine, and that the person wants them. */
export const canNotify = () => isSecureContext && 'Notification' in globalThis;

export function sign(unread, place) {
  const where = place ? `${plain(place)} – ${t('title')}` : t('title');
  const title = unread > 0 ? `(${unread}) ${where}` : where;
  if (document.title !== title) document.title = title;
  const icon = unread > 0 ? 'icon-new.svg' : 'icon.svg';
  if ($('icon').getAttribute('href') !== icon) $('icon').setAttribute('href', icon);
}

export async function allowNotify() {
  if (!canNotify()) return false;
  if (Notification.permission === 'granted') return true;
  return (await Notification.requestPermission()) === 'granted';
}

/** Tells of a message while the page is hidden; `open` brings it back. */
export function notify(place, line, open) {
  if (!store.notify || !document.hidden || !canNotify() || Notification.permission !== 'granted') return;
  const who = plain(line.author);
  const title = place.room ? t('note_mention', who, plain(place.name)) : t('note_direct', who);
  try {
    const note = new Notification(title, { body: plain(line.text).slice(0, 200), tag: place.key, icon: 'icon.svg' });
    note.onclick = () => {
      window.focus();
      open(place.key);
      note.close();
    };
  } catch {
    // Some phones only notify from a service worker.
  }
}
