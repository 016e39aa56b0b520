// Making elements. Texts become text nodes and nothing else.

const SVG = 'http://www.w3.org/2000/svg';

/** An element: `el('button.wide', {type: 'button', onclick}, 'Text', child)`. */
export function el(spec, fields = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  return dress(document.createElement(tag), classes, fields, children);
}

export function svg(spec, fields = {}, ...children) {
  const [tag, ...classes] = spec.split('.');
  return dress(document.createElementNS(SVG, tag), classes, fields, children);
}

function dress(node, classes, fields, children) {
  if (classes.length) node.setAttribute('class', classes.join(' '));
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'dataset') Object.assign(node.dataset, value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

export const $ = (id) => document.getElementById(id);

/** Sets a text only if it is another one, so that nothing is read out twice. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Makes the children of `parent` those of `items`, keeping elements of the same key, and with
 * them the focus. `make(item)` gives an element, `update(element, item)` changes it.
 */
export function reconcile(parent, items, keyOf, make, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const keys = new Set(items.map(keyOf));
  for (const [key, child] of old) if (!keys.has(key)) child.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    const child = old.get(key) ?? make(item);
    child.dataset.key = key;
    update(child, item);
    // Moving an element takes the focus from it, so the others move around it.
    while (place && place !== child && child.contains(document.activeElement)) {
      const next = place.nextElementSibling;
      parent.append(place);
      place = next;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
}

/** Arrow keys, Home and End move the focus among the buttons of a list. */
export function arrows(list, selector) {
  list.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = [...list.querySelectorAll(selector)];
    const at = all.indexOf(document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, at + step))]?.focus();
  });
}

/** For many calls soon after each other one, as soon as the page is drawn. */
export function soon(act) {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    const run = () => {
      if (!due) return;
      due = false;
      act();
    };
    if (document.hidden) setTimeout(run, 100);
    else {
      requestAnimationFrame(run);
      // A page that is hidden in between is not drawn.
      setTimeout(run, 250);
    }
  };
}
