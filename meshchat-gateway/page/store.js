// What this browser keeps: the name, tokens, rooms, drafts and what is not sent yet. All of it is
// bounded, and all of it may be missing: a browser may refuse to keep anything.

const PREFIX = 'meshchat.';
const MOST_DRAFTS = 24;
const MOST_DRAFT_CHARS = 8192;
export const MOST_WAITING = 50;

let memory = new Map();
let works = true;

function read(key, otherwise) {
  try {
    const text = localStorage.getItem(PREFIX + key) ?? memory.get(key);
    return text == null ? otherwise : JSON.parse(text);
  } catch {
    const text = memory.get(key);
    return text == null ? otherwise : JSON.parse(text);
  }
}

function write(key, value) {
  const text = JSON.stringify(value);
  memory.set(key, text);
  try {
    localStorage.setItem(PREFIX + key, text);
    works = true;
  } catch {
    works = false;
  }
}

const object = (value) =>
  value && typeof value === 'object' && !Array.isArray(value) ? value : {};
const array = (value) => (Array.isArray(value) ? value : []);
const newest = (entries, most) => Object.fromEntries(Object.entries(entries).slice(-most));

export const store = {
  /** Whether what is written outlives the page. */
  get works() {
    return works;
  },

  get name() {
    return String(read('name', ''));
  },
  set name(name) {
    write('name', name);
  },

  /** The token for an origin. */
  token(origin) {
    const token = object(read('tokens', {}))[origin];
    return typeof token === 'string' ? token : undefined;
  },
  setToken(origin, token) {
    const tokens = object(read('tokens', {}));
    delete tokens[origin];
    if (token) tokens[origin] = token;
    write('tokens', newest(tokens, 32));
  },

  /** Rooms that the person is in; undefined before it is known. */
  get rooms() {
    const rooms = read('rooms', undefined);
    return Array.isArray(rooms) ? rooms.filter((room) => typeof room === 'string').slice(0, 16) : undefined;
  },
  set rooms(rooms) {
    write('rooms', rooms.slice(0, 16));
  },

  get place() {
    return read('place', '');
  },
  set place(key) {
    write('place', key);
  },

  draft(place) {
    return String(object(read('drafts', {}))[place] ?? '');
  },
  setDraft(place, text) {
    const drafts = object(read('drafts', {}));
    delete drafts[place];
    if (text) drafts[place] = text.slice(0, MOST_DRAFT_CHARS);
    write('drafts', newest(drafts, MOST_DRAFTS));
  },

  /** Messages that the node has not taken yet, the oldest first. */
  get waiting() {
    return array(read('waiting', [])).filter((one) => one && typeof one.text === 'string');
  },
  set waiting(list) {
    write('waiting', list.slice(0, MOST_WAITING));
  },

  /** Up to which cursor of which node each place was read. */
  get seen() {
    return object(read('seen', {}));
  },
  set seen(seen) {
    write('seen', seen);
  },

  get away() {
    const away = read('away', null);
    return typeof away === 'string' ? away : null;
  },
  set away(note) {
    write('away', note);
  },

  get theme() {
    const theme = read('theme', 'auto');
    return ['light', 'dark'].includes(theme) ? theme : 'auto';
  },
  set theme(theme) {
    write('theme', theme);
  },

  get notify() {
    return read('notify', false) === true;
  },
  set notify(on) {
    write('notify', on);
  },

  /** Who the person was on which node, so that what they wrote is known as theirs. */
  get selves() {
    return array(read('selves', []));
  },
  set selves(list) {
    write('selves', list.slice(-32));
  },

  forget() {
    memory = new Map();
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(PREFIX)) localStorage.removeItem(key);
      }
    } catch {
      works = false;
    }
  },
};
