// Where messages are written.
import { $, say } from './dom.js';
import { MOST_BYTES, bytes, parse } from './commands.js';
import { store } from './store.js';
import { of, t } from './texts.js';
import { plain } from './words.js';

const SAVE_AFTER = 300;

export class Compose {
  /** `run(command)` does what was typed; it gives words when it cannot, or throws them. */
  constructor(run) {
    this.run = run;
    this.text = $('text');
    this.place = '';
    $('compose').addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('keydown', (event) => this.key(event));
    this.text.addEventListener('input', () => this.typed());
    addEventListener('pagehide', () => this.save());
    document.addEventListener('visibilitychange', () => this.save());
  }

  /** Writes to another place; what was typed for the one before is kept. */
  show(place) {
    const key = place?.key ?? '';
    if (key !== this.place) {
      this.save();
      this.place = key;
      this.text.value = store.draft(key);
      this.fail('');
      this.grow();
    }
    this.text.setAttribute('aria-label', t('write_to', plain(place?.name ?? '')));
    this.text.placeholder = t('write_to', plain(place?.name ?? ''));
  }

  key(event) {
    // A key that ends the input of a composed character sends nothing.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER);
    const over = bytes(this.text.value.trim()) - MOST_BYTES;
    this.fail(over > 0 ? t('too_long', over) : '');
    this.grow();
  }

  async submit() {
    const typed = this.text.value;
    if (!typed.trim()) return;
    const over = bytes(typed.trim()) - MOST_BYTES;
    if (over > 0) {
      this.fail(t('too_long', over));
      return;
    }
    const command = parse(typed.trim());
    if (command.error) {
      this.fail(t(command.error, ...command.args));
      return;
    }
    const place = this.place;
    try {
      const problem = await this.run(command);
      this.fail(problem ?? '');
      if (!problem) this.clear(place, typed);
    } catch (error) {
      this.fail([error.message, error.hint].filter(Boolean).join('; ') || of('error', 'other'));
    }
  }

  /** Takes away what was sent, unless something else was typed meanwhile. */
  clear(place, typed) {
    if (this.place === place && this.text.value === typed) this.text.value = '';
    store.setDraft(place, place === this.place ? this.text.value : '');
    this.grow();
  }

  save() {
    clearTimeout(this.timer);
    if (store.draft(this.place) !== this.text.value) store.setDraft(this.place, this.text.value);
  }

  fail(words) {
    say($('compose-error'), words);
  }

  /** For browsers without field-sizing. */
  grow() {
    if (CSS.supports('field-sizing', 'content')) return;
    this.text.style.height = 'auto';
    this.text.style.height = `${this.text.scrollHeight + 2}px`;
  }
}
