// Where the nodes of a mesh stand on a map: rings around the own node, then pulled and pushed
// until linked nodes are near each other. The same graph always gives the same map. Pure.

const RING = 110;
const APART = 95;
/** More nodes than this stay on their rings: the work grows with the square. */
const MOST_PULLED = 160;
const ROUNDS = 160;

/** `[{x, y}]` for the nodes of a graph, from 0, and `{width, height}`. */
export function layout(graph) {
  const places = rings(graph);
  if (graph.nodes.length <= MOST_PULLED) {
    for (let round = 0; round < ROUNDS; round += 1) {
      pull(graph, places, 1 - round / ROUNDS);
    }
  }
  return frame(places);
}

function rings(graph) {
  const byRing = new Map();
  const farthest = Math.max(0, ...graph.nodes.map((node) => node.hops ?? 0));
  graph.nodes.forEach((node, at) => {
    const ring = node.state === 'here' ? 0 : (node.hops ?? farthest + 1);
    if (!byRing.has(ring)) byRing.set(ring, []);
    byRing.get(ring).push(at);
  });
  const places = [];
  for (const [ring, all] of byRing) {
    const radius = Math.max(ring * RING, ring ? (all.length * APART) / (2 * Math.PI) : 0);
    all.forEach((at, k) => {
      const angle = (2 * Math.PI * (k + 0.31 * ring)) / all.length - Math.PI / 2;
      places[at] = { x: radius * Math.cos(angle), y: radius * Math.sin(angle) };
    });
  }
  return places;
}

function pull(graph, places, heat) {
  const forces = places.map(() => ({ x: 0, y: 0 }));
  for (let a = 0; a < places.length; a += 1) {
    for (let b = a + 1; b < places.length; b += 1) {
      push(forces, places, a, b, (far) => (APART * APART) / far);
    }
  }
  for (const { a, b } of graph.links) {
    if (places[a] && places[b]) push(forces, places, a, b, (far) => -(far * far) / (APART * 1.6));
  }
  const most = 4 + 26 * heat;
  places.forEach((place, at) => {
    // A little towards the middle keeps what is not linked in sight.
    const x = forces[at].x - place.x * 0.06;
    const y = forces[at].y - place.y * 0.09;
    const far = Math.hypot(x, y) || 1;
    place.x += (x / far) * Math.min(far, most);
    place.y += (y / far) * Math.min(far, most);
  });
}

function push(forces, places, a, b, strength) {
  const dx = places[b].x - places[a].x || 0.01 * (b - a);
  const dy = places[b].y - places[a].y || 0.01;
  const far = Math.max(8, Math.hypot(dx, dy));
  const by = strength(far);
  forces[a].x -= (dx / far) * by;
  forces[a].y -= (dy / far) * by;
  forces[b].x += (dx / far) * by;
  forces[b].y += (dy / far) * by;
}

function frame(places) {
  const xs = places.map((place) => place.x);
  const ys = places.map((place) => place.y);
  const [left, top] = [Math.min(0, ...xs) - 75, Math.min(0, ...ys) - 45];
  for (const place of places) {
    place.x = Math.round(place.x - left);
    place.y = Math.round(place.y - top);
  }
  return {
    places,
    width: Math.round(Math.max(0, ...xs) - left + 75),
    height: Math.round(Math.max(0, ...ys) - top + 55),
  };
}
