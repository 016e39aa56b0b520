// The words of the page in the language of the browser, as far as there are any.
import en from './texts.en.js';

const LANGUAGES = { en };

function choose() {
  for (const tag of navigator.languages ?? []) {
    const found = LANGUAGES[tag.toLowerCase()] ?? LANGUAGES[tag.toLowerCase().split('-')[0]];
    if (found) return found;
  }
  return en;
}

const chosen = choose();
export const language = chosen.language;

/** The text of this key, filled in; a language that lacks it says it in English. */
export function t(key, ...args) {
  const text = chosen[key] ?? en[key];
  return typeof text === 'function' ? text(...args) : (text ?? key);
}

/** One text of a group of them, or that of `other`. */
export function of(group, key, other) {
  return chosen[group]?.[key] ?? en[group]?.[key] ?? chosen[group]?.[other] ?? '';
}

/** Fills in what the document names by data-text, data-label and data-hint. */
export function fill(root) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll('[data-text]')) node.textContent = t(node.dataset.text);
  for (const node of root.querySelectorAll('[data-label]')) {
    node.setAttribute('aria-label', t(node.dataset.label));
    if (node.tagName === 'BUTTON') node.title = t(node.dataset.label);
  }
  for (const node of root.querySelectorAll('[data-hint]')) node.placeholder = t(node.dataset.hint);
}
