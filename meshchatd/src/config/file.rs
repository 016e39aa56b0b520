//! One configuration file: bounded reading, strict TOML, every problem with its line.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::Draft;
use super::error::{BadValue, Cause, Problem, shown};
use super::keys::{Key, nearest};
use super::settings::Origin;

/// Most bytes of one file.
pub(super) const LARGEST_FILE: u64 = 64 * 1024;

/// Reads `path` and `*.toml` of the directory beside it (`x.toml` and `x.d/`), in that order.
///
/// Returns the files that were read. A missing `path` is a problem only if `required`.
pub(super) fn read_with_parts(draft: &mut Draft, path: &Path, required: bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => {}
        Ok(_) | Err(_) => files.push(path.to_path_buf()),
    }
    match parts(&path.with_extension("d")) {
        Ok(parts) => files.extend(parts),
        Err(problem) => draft.problems.push(problem),
    }
    for file in &files {
        read(draft, file);
    }
    files
}

/// The `*.toml` files of a directory, sorted by name; none if there is no such directory.
fn parts(directory: &Path) -> Result<Vec<PathBuf>, Problem> {
    let problem = |cause| Problem { origin: whole_file(directory), cause };
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(problem(Cause::Read(error))),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| problem(Cause::Read(error)))?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        if path.extension().is_some_and(|extension| extension == "toml") && !hidden {
            if files.len() == MOST_PARTS {
                return Err(problem(Cause::TooManyFiles { max: MOST_PARTS }));
            }
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(draft: &mut Draft, path: &Path) {
    let text = match bounded(path) {
        Ok(text) => text,
        Err(cause) => return draft.problems.push(Problem { origin: whole_file(path), cause }),
    };
    let first = draft.problems.len();
    let mut file = File { path: Arc::from(path), text: &text, draft };
    file.parse();
    if let Some(own) = draft.problems.get_mut(first..) {
        own.sort_by_key(|problem| problem.origin.line());
    }
}

fn bounded(path: &Path) -> Result<String, Cause> {
    // Before opening, because opening a named pipe waits for a writer.
    if !fs::metadata(path).map_err(Cause::Read)?.is_file() {
        return Err(Cause::NotAFile);
    }
    let mut bytes = Vec::new();
    let mut file = fs::File::open(path).map_err(Cause::Read)?.take(LARGEST_FILE + 1);
    file.read_to_end(&mut bytes).map_err(Cause::Read)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_FILE) {
        return Err(Cause::TooLarge { max: LARGEST_FILE });
    }
    String::from_utf8(bytes).ok().ok_or_else(|| Cause::Syntax("it is not UTF-8 text".into()))
}

struct File<'a> {
    path: Arc<Path>,
    text: &'a str,
    draft: &'a mut Draft,
}

impl File<'_> {
    fn parse(&mut self) {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let message = error.message().lines().map(str::escape_debug).map(|l| l.to_string());
            let cause = Cause::Syntax(message.collect::<Vec<_>>().join(", "));
            self.problem(error.span().map_or(0, |span| span.start), cause);
        }
        if !errors.is_empty() {
            return;
        }
        for (name, value) in table.get_ref() {
            match Key::from_name(name.get_ref()) {
                None => self.unknown(name, &mut Key::ALL.into_iter().map(Key::name)),
                Some(Key::Peer) => self.peers(value),
                Some(key @ (Key::Operators | Key::Gateways | Key::Interfaces)) => {
                    self.list(key, value)
                }
                Some(key) => self.scalar(key, value),
            }
        }
    }

    fn scalar(&mut self, key: Key, value: &Spanned<DeValue<'_>>) {
        let origin = self.origin(value.span().start);
        match value.get_ref().as_str() {
            Some(text) => self.draft.set(key, text, origin),
            None => self.wrong_type(key, "text in quotes", value),
        }
    }

    fn list(&mut self, key: Key, value: &Spanned<DeValue<'_>>) {
        let Some(list) = value.get_ref().as_array() else {
            return self.wrong_type(key, "a list of texts", value);
        };
        let mut names = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(name) => names.push(name),
                None => return self.wrong_type(key, "a list of texts", item),
            }
        }
        let origin = self.origin(value.span().start);
        let mut names = names.into_iter();
        if key == Key::Interfaces {
            self.draft.set_interfaces(&mut names, origin);
        } else {
            self.draft.set_users(key, &mut names, origin);
        }
    }

    fn peers(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(list) = value.get_ref().as_array() else {
            return self.wrong_type(Key::Peer, "one or more [[peer]] sections", value);
        };
        for item in list.iter() {
            match item.get_ref().as_table() {
                Some(table) => self.peer(table, item.span().start),
                None => self.wrong_type(Key::Peer, "one or more [[peer]] sections", item),
            }
        }
    }

    fn peer(&mut self, table: &DeTable<'_>, at: usize) {
        let mut address = None;
        let mut pinned = None;
        let before = self.draft.problems.len();
        for (name, value) in table {
            let place = match name.get_ref().as_ref() {
                "address" => &mut address,
                "key" => &mut pinned,
                _ => {
                    self.unknown(name, &mut ["address", "key"].into_iter());
                    continue;
                }
            };
            match value.get_ref().as_str() {
                Some(text) => *place = Some((text, value.span().start)),
                None => self.wrong_type(Key::Peer, "text in quotes", value),
            }
        }
        if self.draft.problems.len() > before {
            return;
        }
        let Some((address, address_at)) = address else {
            return self.bad(Key::Peer, at, "[[peer]]".into(), BadValue::NoAddress);
        };
        let origin = self.origin(address_at);
        self.draft.add_peer(address, pinned.map(|(text, _)| text), origin);
    }

    fn wrong_type(&mut self, key: Key, expected: &'static str, value: &Spanned<DeValue<'_>>) {
        let found = value.get_ref().type_str();
        let written = self.text.get(value.span()).unwrap_or_default();
        let why = BadValue::Type { expected, found };
        self.bad(key, value.span().start, shown(written), why);
    }

    fn unknown(
        &mut self,
        name: &Spanned<std::borrow::Cow<'_, str>>,
        known: &mut dyn Iterator<Item = &'static str>,
    ) {
        let typed = name.get_ref();
        let cut: String = typed.chars().take(LONGEST_KEY).flat_map(char::escape_debug).collect();
        let nearest = nearest(typed, known);
        self.problem(name.span().start, Cause::UnknownKey { typed: cut, nearest });
    }

    fn bad(&mut self, key: Key, at: usize, shown: String, why: BadValue) {
        self.problem(at, Cause::Value { key, shown, why });
    }

    fn problem(&mut self, at: usize, cause: Cause) {
        let origin = self.origin(at);
        self.draft.problems.push(Problem { origin, cause });
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Origin::File { path: Arc::clone(&self.path), line: Some(line) }
    }
}

fn whole_file(path: &Path) -> Origin {
    Origin::File { path: Arc::from(path), line: None }
}

/// More parts than anyone writes by hand.
const MOST_PARTS: usize = 64;
const LONGEST_KEY: usize = 60;
