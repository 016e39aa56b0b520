// The map of the mesh, as a picture and as a list.
import { $, el, say, svg } from './dom.js';
import { dot } from './icons.js';
import { layout } from './shape.js';
import { t } from './texts.js';
import { name, plain } from './words.js';

const LONGEST_NAME = 16;

export class MeshMap {
  constructor() {
    this.scale = 1;
    $('map-legend').replaceChildren(
      legend('map_legend_own', ownMark(12, 12)),
      legend('map_legend_reachable', svg('circle.mesh-node', { cx: 12, cy: 12, r: 8 })),
      legend('map_legend_unreachable', svg('circle.mesh-node.dead', { cx: 12, cy: 12, r: 8 })),
      legend('map_legend_cut', cutMark(12, 12, 7)),
    );
  }

  failed(error) {
    say($('map-sum'), [t('map_failed'), error.message].filter(Boolean).join(' '));
  }

  draw(graph) {
    this.graph = graph;
    const reachable = graph.nodes.filter(isNear).length;
    const left = graph.left_out ? ` ${t('map_left_out', graph.left_out)}` : '';
    say($('map-sum'), t('map_sum', reachable, graph.nodes.length, graph.links.filter((link) => isLive(graph, link)).length) + left);
    const { places, width, height } = layout(graph);
    const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': $('map-sum').textContent });
    for (const link of graph.links) picture.append(line(graph, places, link));
    graph.nodes.forEach((node, at) => picture.append(this.node(node, places[at])));
    this.size = { width, height };
    this.picture = picture;
    $('map-view').replaceChildren(picture);
    this.resize(0);
    $('map-list').replaceChildren(...graph.nodes.map((node, at) => row(graph, node, at)));
  }

  node(node, { x, y }) {
    const dead = !isNear(node);
    const group = svg('g', {}, svg('title', {}, plain(node.name)));
    if (node.state === 'here') group.append(ownMark(x, y));
    else group.append(svg(dead ? 'circle.mesh-node.dead' : 'circle.mesh-node', { cx: x, cy: y, r: 11 }));
    if (node.cut) group.append(cutMark(x, y, 15));
    const label = plain(node.name);
    const short = label.length > LONGEST_NAME ? `${label.slice(0, LONGEST_NAME - 1)}…` : label;
    group.append(svg(dead ? 'text.mesh-name.dead' : 'text.mesh-name', { x, y: y + 34 }, short));
    return group;
  }

  /** One step larger or smaller; 0 fits it in. */
  resize(step) {
    if (!this.picture) return;
    const fits = Math.min(1.25, ($('map-view').clientWidth - 4) / this.size.width || 1);
    this.scale = step === 0 ? Math.max(0.45, fits) : Math.min(3, Math.max(0.3, this.scale * 1.3 ** step));
    this.picture.setAttribute('width', Math.round(this.size.width * this.scale));
    this.picture.setAttribute('height', Math.round(this.size.height * this.scale));
  }
}

function line(graph, places, link) {
  const [a, b] = [places[link.a], places[link.b]];
  if (!a || !b) return '';
  const kind = !isLive(graph, link) ? 'line.mesh-link.dead' : link.cut ? 'line.mesh-link.cut' : 'line.mesh-link';
  return svg(kind, { x1: a.x, y1: a.y, x2: b.x, y2: b.y });
}

function row(graph, node, at) {
  const links = graph.links.filter((link) => link.a === at || link.b === at);
  const names = links.map((link) => plain(graph.nodes[link.a === at ? link.b : link.a]?.name));
  const words = t('map_node', plain(node.name), stateWord(node.state), node.hops ?? 0, names);
  const cut = node.cut ? `. ${t('map_cut')}.` : '';
  return el('li', {}, dot(isNear(node) ? 'online' : 'unreachable'), name(words + cut, 'span'));
}

function stateWord(state) {
  return ['here', 'reachable', 'unreachable', 'left'].includes(state) ? t(state) : t('unknown');
}

function legend(key, mark) {
  return el('li', {}, svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, mark), t(key));
}

function ownMark(x, y) {
  return svg('g', {}, svg('circle.mesh-own', { cx: x, cy: y, r: 11 }), svg('circle.mesh-node.own', { cx: x, cy: y, r: 8 }));
}

/** A square standing on its corner around the node. */
function cutMark(x, y, r) {
  const far = r * 1.35;
  return svg('path.mesh-cut', { d: `M${x} ${y - far}L${x + far} ${y}L${x} ${y + far}L${x - far} ${y}Z` });
}

const isNear = (node) => node.state === 'here' || node.state === 'reachable';
const isLive = (graph, link) => link.both && [link.a, link.b].every((at) => graph.nodes[at] && isNear(graph.nodes[at]));
