// The pictures on buttons, drawn with lines on 24 by 24, and the shapes of presence.
import { svg } from './dom.js';

const PATHS = {
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M6 6l12 12M18 6L6 18',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.6 2.9-6 6.5-6s6.500 2.400 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6.500M18.500 14.500c2 .9 3 2.900 3 5.500',
  map: 'M12 7.500v3.500M10 13.500L6.500 17M14 13.500l3.500 3.500M12 7.500a2.200 2.200 0 1 0 0-4.500 2.200 2.200 0 0 0 0 4.500zM12 15a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM5 20.500a2.200 2.200 0 1 0 0-4.500 2.200 2.200 0 0 0 0 4.500zM19 20.500a2.200 2.200 0 1 0 0-4.500 2.200 2.200 0 0 0 0 4.500z',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  send: 'M4 12l16-8-5 16-3.500-6.500L4 12zM11.500 13.500L20 4',
  settings: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM9 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5z',
  help: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.7.3-1 .8-1 1.700M12 17h.01',
  leave: 'M14 4H6v16h8M11 12h10M17 8l4 4-4 4',
  lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3',
  smaller: 'M5 12h14',
  larger: 'M5 12h14M12 5v14',
};

export function icon(name) {
  const heavy = name === 'more' ? { 'stroke-width': 4 } : {};
  return svg('svg.glyph', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: PATHS[name], ...heavy }));
}

/** Gives buttons with data-icon their picture. */
export function fillIcons(root) {
  for (const node of root.querySelectorAll('[data-icon]')) node.prepend(icon(node.dataset.icon));
}

const SHAPES = {
  online: () => [svg('circle.full', { cx: 8, cy: 8, r: 6 })],
  away: () => [svg('circle', { cx: 8, cy: 8, r: 5.5 }), svg('path.full', { d: 'M8 2.500a5.500 5.500 0 0 0 0 11z' })],
  unreachable: () => [svg('path', { d: 'M3 3l10 10M13 3L3 13' })],
  offline: () => [svg('circle', { cx: 8, cy: 8, r: 5.5 })],
};

/** The shape of a state; its word stands beside it. */
export function dot(state) {
  const shape = SHAPES[state] ?? SHAPES.offline;
  return svg(`svg.dot.is-${state in SHAPES ? state : 'unknown'}`, { viewBox: '0 0 16 16', 'aria-hidden': 'true' }, ...shape());
}
