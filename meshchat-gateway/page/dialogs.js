// Help, settings, and the opening and closing of what lies over the page.
import { $, el, say } from './dom.js';
import { store } from './store.js';
import { allowNotify, canNotify } from './signs.js';
import { t } from './texts.js';
import { plain } from './words.js';

export function open(id) {
  for (const dialog of document.querySelectorAll('dialog[open]')) dialog.close();
  const dialog = $(id);
  if (!dialog.open) dialog.showModal();
}

/** Dialogs close by their button and by a tap beside them. */
export function listen() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog || event.target.closest('[data-do="close"]')) dialog.close();
    });
  }
}

export function fillHelp() {
  const part = (title, rows, spec) => [el('h3', {}, t(title)), pairs(t(rows), spec)];
  $('help-body').replaceChildren(
    ...part('help_commands', 'commands', 'code'),
    ...part('help_keys', 'keys', 'kbd'),
    ...part('help_marks', 'marks', 'span'),
  );
}

function pairs(rows, spec) {
  const list = el('dl.help-list');
  for (const [what, words] of rows) list.append(el('dt', {}, el(spec, {}, what)), el('dd', {}, words));
  return list;
}

export function theme(choice) {
  if (choice === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}

/** `acts` has nick(name), away(on, note); both give promises. */
export class Settings {
  constructor(acts) {
    this.acts = acts;
    this.form('set-name', () => acts.nick($('set-name-text').value.trim()));
    this.form('set-away', () => acts.away($('set-away-on').checked, $('set-away-note').value.trim()));
    $('set-away-on').addEventListener('change', () => $('set-away').requestSubmit());
    $('set-theme').addEventListener('change', (event) => {
      store.theme = event.target.value;
      theme(store.theme);
    });
    $('set-notify').addEventListener('change', () => this.notify());
  }

  form(id, act) {
    $(id).addEventListener('submit', async (event) => {
      event.preventDefault();
      try {
        await act();
        say($('settings-error'), '');
      } catch (error) {
        say($('settings-error'), [error.message, error.hint].filter(Boolean).join('; '));
      }
    });
  }

  async notify() {
    const wanted = $('set-notify').checked;
    store.notify = wanted && (await allowNotify());
    $('set-notify').checked = store.notify;
    say($('set-notify-hint'), wanted && !store.notify ? t('notify_denied') : '');
  }

  show(me) {
    $('set-name-text').value = me?.name ?? store.name;
    $('set-away-on').checked = store.away !== null;
    $('set-away-note').value = store.away ?? '';
    for (const radio of $('set-theme').querySelectorAll('input')) radio.checked = radio.value === store.theme;
    $('set-notify').checked = store.notify;
    $('set-notify').disabled = !canNotify();
    say($('set-notify-hint'), canNotify() ? '' : t('notify_insecure'));
    say($('settings-error'), store.works ? '' : t('saved_failed'));
    const network = me?.networkName ? t('network_named', plain(me.networkName)) : t('network_open');
    say($('about'), me ? `${t('about_node', plain(me.nodeName), plain(me.software))}, ${network}` : '');
    open('settings');
  }
}
