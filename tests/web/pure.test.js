// The parts of the page that need no browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

const PAGE = new URL('../../meshchat-gateway/page/', import.meta.url);
const { Chat, MOST_LINES } = await import(new URL('chat.js', PAGE));
const { parse } = await import(new URL('commands.js', PAGE));
const { Outbox } = await import(new URL('outbox.js', PAGE));
const { layout } = await import(new URL('shape.js', PAGE));

const sources = fs.readdirSync(PAGE).filter((name) => /\.(js|html)$/.test(name));
const source = (name) => fs.readFileSync(new URL(name, PAGE), 'utf8');

test('texts only ever become text nodes', () => {
  const banned = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\s*\(|new Function|setHTML|createContextualFragment|DOMParser|srcdoc/;
  for (const name of sources) assert.doesNotMatch(source(name), banned, name);
});

test('nothing but relative addresses', () => {
  for (const name of fs.readdirSync(PAGE)) {
    const text = source(name).replaceAll('http://www.w3.org/2000/svg', '');
    assert.doesNotMatch(text, /(src|href|url\()\s*=?\s*["'(]?(https?:)?\/\//, name);
  }
});

test('every text that is used exists', () => {
  const texts = source('texts.en.js');
  const used = sources.flatMap((name) => [...source(name).matchAll(/\bt\('([a-z_]+)'|data-(?:text|label|hint)="([a-z_]+)"/g)]);
  assert.ok(used.length > 80);
  for (const [, key, named] of used) assert.match(texts, new RegExp(`^  ${key ?? named}:`, 'm'), key ?? named);
});

test('no text is left over', () => {
  const all = sources.filter((name) => name !== 'texts.en.js').map(source).join();
  const keys = [...source('texts.en.js').matchAll(/^  ([a-z_]+):/gm)].map(([, key]) => key).filter((key) => key !== 'language');
  assert.deepEqual(keys.filter((key) => !new RegExp(`['"]${key}['"]`).test(all)), []);
});

test('the table of files in the gateway is complete', () => {
  const table = fs.readFileSync(new URL('../src/web/files.rs', PAGE), 'utf8');
  for (const name of fs.readdirSync(PAGE)) assert.ok(table.includes(name), name);
});

const message = (seq, more = {}) => ({
  message: {
    cursor: seq, id: `id${seq}`, room: '#lobby', author: 'Ben', node: 'n2', node_name: 'barn', kind: 0,
    text: `text ${seq}`, wall_ms: 1000, age_ms: 0, ...more,
  },
});

function chat() {
  const changes = [];
  const made = new Chat((what, detail) => changes.push([what, detail]), () => 1_000_000);
  made.entered({ name: 'Anna', node: 'n1', nodeName: 'kitchen' });
  made.setRooms([{ room: '#lobby', joined: true }, { room: '#ops', joined: true }]);
  made.watch(true);
  return { made, changes };
}

test('a message is shown once, and places are bounded', () => {
  const { made } = chat();
  for (let k = 0; k < MOST_LINES + 20; k += 1) {
    made.event(message(k));
    made.event(message(k));
  }
  const place = made.places.get('#lobby');
  assert.equal(place.lines.length, MOST_LINES);
  assert.ok(place.dropped);
});

test('history is read, what comes later counts, and names of places are no traps', () => {
  const { made } = chat();
  made.event(message(1, { room: '#ops' }));
  assert.equal(made.unread().sum, 0);
  made.event({ caught_up: { cursor: 1 } });
  made.event(message(2, { room: '#ops' }));
  made.event(message(3, { room: '#ops', text: 'hello anna!' }));
  made.event(message(4, { room: '#ops', text: 'annabel' }));
  made.event(message(5));
  assert.deepEqual(made.unread(), { sum: 3, mention: true });
  made.show('#ops');
  assert.deepEqual(made.unread(), { sum: 0, mention: false });
  made.event({ constructor: {} });
  made.event({ unheard_of: {} });
  made.event(message(6, { room: '#__proto__' }));
  assert.equal(made.places.get('#__proto__').lines.length, 1);
});

test('gaps are told in words, and joined', () => {
  const { made } = chat();
  made.event({ gone: { node: 'n2', node_name: 'barn', count: 3, before_start: false } });
  made.event({ gone: { node: 'n2', node_name: 'barn', count: 2, before_start: false } });
  made.event({ missed: { messages: 7, changes: 0, cursor: 1 } });
  const lines = made.places.get('#lobby').lines;
  assert.deepEqual(lines.map((line) => [line.what, line.args[0]]), [['gone', 5], ['missed', 7]]);
});

test('commands', () => {
  assert.deepEqual(parse('hello'), { do: 'say', text: 'hello', kind: 0 });
  assert.deepEqual(parse('//etc'), { do: 'say', text: '/etc', kind: 0 });
  assert.deepEqual(parse('/me waves'), { do: 'say', text: 'waves', kind: 1 });
  assert.deepEqual(parse('/join Ops'), { do: 'join', room: '#ops' });
  assert.deepEqual(parse('/msg "Ben B"@x hi'), { do: 'msg', to: 'Ben B', text: '@x hi' });
  assert.deepEqual(parse('/msg Ben  hi  there'), { do: 'msg', to: 'Ben', text: 'hi  there' });
  assert.equal(parse('/join').error, 'usage');
  assert.equal(parse('/constructor x').error, 'unknown_command');
});

function outbox(answers) {
  const asked = [];
  const made = new Outbox({
    ask: async (request) => {
      asked.push(request);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
    ready: () => answers.length > 0,
    keep: () => {},
    changed: () => {},
  });
  return { made, asked };
}

const failure = (code) => Object.assign(new Error(code), { code });
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

test('what was under way when the connection broke is not said twice', async () => {
  const { made, asked } = outbox([failure('no_link')]);
  made.put({ place: '#lobby', text: 'hello', kind: 0 });
  await settled();
  assert.equal(made.items.length, 1);
  made.saw('#lobby', { id: 'x', text: 'hello', kind: 0, came: Date.now() });
  assert.equal(made.items.length, 0);
  assert.equal(asked.length, 1);
});

test('what the node does not want is kept and marked, and the next one goes on', async () => {
  const { made, asked } = outbox([failure('bad_argument'), { sent: { id: 'y' } }]);
  made.put({ place: '#lobby', text: 'bad', kind: 0 });
  made.put({ place: '#lobby', text: 'good', kind: 0 });
  await settled();
  assert.equal(asked.length, 2);
  assert.deepEqual(made.items.map((item) => [item.text, Boolean(item.error), Boolean(item.taken)]), [['bad', true, false], ['good', false, true]]);
  made.saw('#lobby', { id: 'y', text: 'good', kind: 0, came: Date.now() });
  assert.equal(made.items.length, 1);
});

test('a map has a place for every node, apart from the others, every time the same', () => {
  const nodes = Array.from({ length: 12 }, (_, k) => ({ name: `n${k}`, state: k ? 'reachable' : 'here', hops: k ? 1 + (k % 3) : 0 }));
  const links = nodes.slice(1).map((_, k) => ({ a: k, b: k + 1, both: true }));
  const first = layout({ nodes, links });
  assert.deepEqual(layout({ nodes, links }), first);
  for (const [a, one] of first.places.entries()) {
    assert.ok(one.x >= 0 && one.y >= 0 && one.x <= first.width && one.y <= first.height);
    for (const other of first.places.slice(a + 1)) assert.ok(Math.hypot(one.x - other.x, one.y - other.y) > 30);
  }
  assert.equal(layout({ nodes: [], links: [] }).places.length, 0);
});
