// The page: puts its parts together.
import { Cards } from './cards.js';
import { Compose } from './compose.js';
import { Deliveries } from './delivery.js';
import * as dialogs from './dialogs.js';
import { $, say, soon } from './dom.js';
import { fillIcons } from './icons.js';
import { Lists } from './lists.js';
import { Log } from './log.js';
import { MeshMap } from './map.js';
import { Panels, listenKeys } from './panels.js';
import { Session } from './session.js';
import { notify, sign } from './signs.js';
import { Standing } from './standing.js';
import { store } from './store.js';
import { fill, of, t } from './texts.js';
import { plain } from './words.js';

const HOME = new URL('./', location.href).href.split(/[?#]/)[0];
/** Where everybody is at first. */
const LOBBY = '#lobby';
const TOAST = 6_000;

dialogs.theme(store.theme);
fill(document);
fillIcons(document);
dialogs.fillHelp();
dialogs.listen();

const session = new Session(HOME, { changed, state: () => standing.draw(), refused, problem });
const { chat, wire, outbox } = session;

const standing = new Standing(session);

const cards = new Cards(chat, {
  stale() {
    session.stale('nodes');
    const person = chat.people.get(cards.shown?.key);
    const node = person && chat.nodes.get(person.node);
    if (wire.ready && node?.state === 'reachable') session.trip(person.node).catch(() => {});
  },
  message(person) {
    panels.close();
    openPlace(chat.direct(person.name, person.node, person.node_name).key);
  },
  mute: (person, on) => attempt(session.mute(person, on), t(on ? 'muted_done' : 'unmuted_done', plain(person.name))),
});
const lists = new Lists(chat, cards, {
  open(key) {
    panels.close();
    openPlace(key);
  },
  join(room) {
    panels.close();
    attempt(session.join(room));
  },
});
const deliveries = new Deliveries(chat, (request) => session.ask(request), ({ place, line }) => {
  if (place?.key === chat.open) log.redraw(line);
});
const log = new Log($('log'), $('newest'), {
  delivery: (line) => deliveries.tell(line),
  again: (item) => outbox.again(item),
  discard: (item) => outbox.discard(item),
});
const compose = new Compose(run);
const panels = new Panels((id) => {
  cards.hide();
  if (id === 'people') session.stale('people');
});
const map = new MeshMap();
const settings = new dialogs.Settings({
  nick: (name) => session.nick(name),
  away: (away, note) => session.away(away, note),
});

// ---- what changed

const drawPlaces = soon(() => {
  lists.drawPlaces();
  drawTitle();
});
const drawPeople = soon(() => {
  lists.drawPeople();
  drawTitle();
});

function changed(what, detail) {
  if (what === 'me' && !$('door').hidden) showApp();
  if (CHANGES[what]) CHANGES[what](detail);
}

const CHANGES = {
  line({ place, line, fresh }) {
    if (place.key === chat.open) log.add(line);
    if (fresh && (line.mention || !place.room)) notify(place, line, openPlace);
    if (line.mine && chat.live) deliveries.sent(line);
    if (!place.room) drawPlaces();
  },
  redraw({ place, line }) {
    if (place.key === chat.open) log.redraw(line);
  },
  open: () => drawOpen(),
  places: drawPlaces,
  people: drawPeople,
  nodes() {
    drawPeople();
    deliveries.refresh();
  },
  mesh: () => standing.drawMesh(),
  me() {
    drawPlaces();
    standing.draw();
  },
  caught_up() {
    chat.watch(isWatched());
    drawPlaces();
  },
  waiting: () => log.showPending(outbox.of(chat.open)),
};

function drawOpen() {
  const place = chat.places.get(chat.open);
  store.place = chat.open;
  log.show(place);
  log.showPending(outbox.of(chat.open));
  compose.show(place);
  say($('leave-words'), place?.room ? t('leave_room', plain(place.name)) : '');
  $('leave').hidden = !place?.room || !place.joined;
  drawPlaces();
  drawPeople();
}

function drawTitle() {
  const place = chat.places.get(chat.open);
  const named = place ? plain(place.name) : t('title');
  say($('title'), place && !place.room ? `${named} @${plain(place.nodeName)}` : named);
  sign(chat.unread().sum, place?.name);
  standing.draw();
}

// ---- the connection

function refused(error, base) {
  const code = error.code ?? 'other';
  const words = [of('error', code, 'other'), code === 'other' ? error.message : ''].filter(Boolean).join(' ');
  if (base !== HOME) {
    toast(t('other_needs_code', new URL(base).host));
  } else if (wire.state === 'refused') {
    showDoor(words, code);
  } else {
    standing.why = words;
    standing.draw();
  }
}

function problem(error) {
  if (!['no_link', 'timed_out', 'unreachable', 'lost'].includes(error.code)) toast(`${of('error', 'other')} ${error.message}`);
}

// ---- doing what is typed and tapped

async function run(command) {
  const place = chat.places.get(chat.open);
  switch (command.do) {
    case 'say':
      return place ? speak(place, command) : t('in_room_only');
    case 'join':
      await session.join(command.room);
      return '';
    case 'leave':
      if (!command.room && !place?.room) return t('in_room_only');
      await session.leave(command.room || place.key);
      return '';
    case 'msg':
      return write(command);
    case 'nick':
      toast(t('now_called', plain(await session.nick(command.name))));
      return '';
    case 'away':
      await session.away(command.away, command.note);
      toast(t(command.away ? 'now_away' : 'now_back'));
      return '';
    default:
      dialogs.open('help');
      return '';
  }
}

function speak(place, { text, kind }) {
  if (outbox.full) return t('outbox_full');
  session.say(place, text, kind);
  log.toEndQuietly();
  return '';
}

async function write({ to, text }) {
  const place = session.find(to);
  if (!place) {
    // The node knows best what is wrong with it.
    await session.ask({ dm: { send: { to, text: text || ' ', kind: 0 } } });
    return '';
  }
  openPlace(place.key);
  if (text.trim()) return speak(place, { text, kind: 0 });
  return '';
}

function openPlace(key) {
  chat.show(key);
  if (matchMedia('(hover: hover)').matches) $('text').focus();
}

async function attempt(promise, done) {
  try {
    await promise;
    if (done) toast(done);
  } catch (error) {
    toast([of('error', error.code, 'other'), error.message].join(' '));
  }
}

let toastTimer;
function toast(words) {
  say($('toast'), words);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => say($('toast'), ''), TOAST);
}

async function showMap() {
  dialogs.open('map');
  try {
    map.draw((await session.ask({ graph: {} })).graph);
  } catch (error) {
    map.failed(error);
  }
}

// ---- what is tapped

const DOES = {
  places: () => panels.toggle('places'),
  people: () => panels.toggle('people'),
  'close-panels': () => panels.close(),
  more: () => dialogs.open('more'),
  map: showMap,
  'map-larger': () => map.resize(1),
  'map-smaller': () => map.resize(-1),
  settings: () => settings.show(chat.me),
  help: () => dialogs.open('help'),
  retry: () => wire.hurry(),
  leave() {
    $('more').close();
    attempt(session.leave(chat.open));
  },
  'sign-out'() {
    wire.stop();
    store.forget();
    location.reload();
  },
};

document.addEventListener('click', (event) => {
  const what = event.target.closest?.('[data-do]')?.dataset.do;
  if (DOES[what]) DOES[what]();
});

$('enter-room').addEventListener('submit', async (event) => {
  event.preventDefault();
  const room = $('enter-name').value.trim();
  if (!room) return;
  panels.close();
  await attempt(session.join(room));
  $('enter-name').value = '';
});

listenKeys({
  active: () => !$('app').hidden,
  step(by, onlyNew) {
    const { rooms, directs } = chat.listed();
    const all = [...rooms, ...directs];
    const at = all.findIndex((place) => place.key === chat.open);
    const round = all.map((_, k) => all[(at + by * (k + 1) + all.length * 2) % all.length]);
    const next = round.find((place) => !onlyNew || place.unread > 0);
    if (next) chat.show(next.key);
  },
  list: (id) => panels.toList(id),
  map: showMap,
  escape: () => cards.hide() || panels.close() || $('text').focus(),
});

// ---- being looked at

const isWatched = () => !document.hidden && document.hasFocus();
for (const kind of ['focus', 'blur']) addEventListener(kind, () => chat.watch(isWatched()));
document.addEventListener('visibilitychange', () => chat.watch(isWatched()));

// ---- coming in

function showDoor(words, code) {
  $('app').hidden = true;
  $('door').hidden = false;
  $('signin-name').value ||= store.name;
  $('signin-go').disabled = false;
  say($('signin-error'), words);
  const field = code && !['name_taken', 'bad_name'].includes(code) ? 'signin-code' : 'signin-name';
  $(field).focus();
}

function showApp() {
  $('door').hidden = true;
  $('app').hidden = false;
  const key = store.place || store.rooms?.[0] || LOBBY;
  chat.place(key, placeFields(key));
  chat.show(key);
}

/** The key of a conversation has all that is needed to open it again. */
function placeFields(key) {
  if (key.startsWith('#')) return {};
  const at = key.lastIndexOf('@');
  return { room: false, name: key.slice(0, at), node: key.slice(at + 1), nodeName: key.slice(at + 1, at + 9), joined: true };
}

$('signin').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = $('signin-name').value.trim();
  if (!name) {
    say($('signin-error'), t('name_missing'));
    $('signin-name').focus();
    return;
  }
  standing.why = '';
  say($('signin-error'), '');
  $('signin-go').disabled = true;
  session.enter(name, $('signin-code').value.trim() || undefined);
});

/** A code that stood in the address, which must not stay there. */
function codeOfAddress() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (!/^[0-9A-Za-z-]{4,32}$/.test(code)) return '';
  history.replaceState(null, '', location.pathname + location.search);
  return code;
}

chat.watch(isWatched());
$('signin-code').value = codeOfAddress();
if (store.name) {
  showApp();
  session.enter(store.name, $('signin-code').value || undefined);
} else {
  showDoor('');
}
