//! The settings while they are being collected from several places.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::amounts::{Size, Span};
use super::error::{BadValue, Cause, Problem, shown};
use super::keys::Key;
use super::patterns::Patterns;
use super::settings::{Origin, Value};
use super::values::{self, Admit, Discovery, History, Links, Mapping, Peer, Rate};
use crate::logging::LogFilter;

/// What was found so far; a later call wins, peers add up, problems are kept.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) name: Option<Value<String>>,
    pub(super) listen: Option<Value<SocketAddr>>,
    pub(super) admit: Option<Value<Admit>>,
    pub(super) rate: Option<Value<Rate>>,
    pub(super) history: Option<Value<History>>,
    pub(super) history_size: Option<Value<Size>>,
    pub(super) history_age: Option<Value<Span>>,
    pub(super) history_budget: Option<Value<Size>>,
    pub(super) log: Option<Value<LogFilter>>,
    pub(super) state_dir: Option<Value<PathBuf>>,
    pub(super) socket: Option<Value<PathBuf>>,
    pub(super) operators: Option<Value<Vec<String>>>,
    pub(super) group: Option<Value<String>>,
    pub(super) discovery: Option<Value<Discovery>>,
    pub(super) interfaces: Option<Value<Patterns>>,
    pub(super) links: Option<Value<Links>>,
    pub(super) mapping: Option<Value<Mapping>>,
    pub(super) peers: Vec<Value<Peer>>,
    pub(super) problems: Vec<Problem>,
}

impl Draft {
    /// Sets `key` from text; lists are separated by commas.
    pub(super) fn set(&mut self, key: Key, text: &str, origin: Origin) {
        if let Err(why) = self.try_set(key, text, &origin) {
            self.refuse(key, text, why, origin);
        }
    }

    pub(super) fn set_operators(&mut self, names: &mut dyn Iterator<Item = &str>, origin: Origin) {
        let mut operators = Vec::new();
        for name in names {
            if operators.len() == MOST_OPERATORS {
                let why = BadValue::TooMany(MOST_OPERATORS);
                return self.refuse(Key::Operators, name, why, origin);
            }
            match values::parse_account(name) {
                Ok(name) => operators.push(name),
                Err(why) => return self.refuse(Key::Operators, name, why, origin),
            }
        }
        self.operators = Some(Value { value: operators, origin });
    }

    pub(super) fn set_interfaces(&mut self, names: &mut dyn Iterator<Item = &str>, origin: Origin) {
        match Patterns::parse(names) {
            Ok(value) => self.interfaces = Some(Value { value, origin }),
            Err((text, why)) => self.refuse(Key::Interfaces, &text, why, origin),
        }
    }

    pub(super) fn add_peer(&mut self, address: &str, key: Option<&str>, origin: Origin) {
        if let Err((text, why)) = self.try_add_peer(address, key, &origin) {
            self.refuse(Key::Peer, text, why, origin);
        }
    }

    pub(super) fn refuse(&mut self, key: Key, text: &str, why: BadValue, origin: Origin) {
        self.problems
            .push(Problem { origin, cause: Cause::Value { key, shown: shown(text), why } });
    }

    fn try_set(&mut self, key: Key, text: &str, origin: &Origin) -> Result<(), BadValue> {
        match key {
            Key::Name => put(&mut self.name, values::parse_name(text)?, origin),
            Key::Listen => put(&mut self.listen, values::parse_listen(text)?, origin),
            Key::Admit => put(&mut self.admit, values::parse_admit(text)?, origin),
            Key::Rate => put(&mut self.rate, values::parse_rate(text)?, origin),
            Key::History => put(&mut self.history, values::parse_history(text)?, origin),
            Key::HistorySize => {
                put(&mut self.history_size, values::parse_history_size(text)?, origin);
            }
            Key::HistoryAge => {
                put(&mut self.history_age, values::parse_history_age(text)?, origin);
            }
            Key::HistoryBudget => {
                put(&mut self.history_budget, values::parse_history_budget(text)?, origin);
            }
            Key::Log => put(&mut self.log, text.parse()?, origin),
            Key::StateDir => put(&mut self.state_dir, absolute(text, origin)?, origin),
            Key::Socket => put(&mut self.socket, absolute(text, origin)?, origin),
            Key::Group => put(&mut self.group, values::parse_account(text)?, origin),
            Key::Operators => self.set_operators(&mut items(text), origin.clone()),
            Key::Discovery => put(&mut self.discovery, values::parse_discovery(text)?, origin),
            Key::Links => put(&mut self.links, values::parse_links(text)?, origin),
            Key::Mapping => put(&mut self.mapping, values::parse_mapping(text)?, origin),
            Key::Interfaces => self.set_interfaces(&mut items(text), origin.clone()),
            Key::Peer => items(text).for_each(|item| self.add_peer(item, None, origin.clone())),
        }
        Ok(())
    }

    fn try_add_peer<'a>(
        &mut self,
        address: &'a str,
        key: Option<&'a str>,
        origin: &Origin,
    ) -> Result<(), (&'a str, BadValue)> {
        let key = match key {
            Some(text) => Some(values::parse_key(text).map_err(|why| (text, why))?),
            None => None,
        };
        let value = Peer { address: address.parse().map_err(|why| (address, why))?, key };
        if let Some(known) = self.peers.iter_mut().find(|p| p.value.address == value.address) {
            return match (known.value.key, value.key) {
                (Some(old), Some(new)) if old != new => Err((address, BadValue::TwoKeys)),
                (None, Some(new)) => {
                    known.value.key = Some(new);
                    Ok(())
                }
                (_, None) | (Some(_), Some(_)) => Ok(()),
            };
        }
        if self.peers.len() == MOST_PEERS {
            return Err((address, BadValue::TooMany(MOST_PEERS)));
        }
        self.peers.push(Value { value, origin: origin.clone() });
        Ok(())
    }
}

fn put<T>(place: &mut Option<Value<T>>, value: T, origin: &Origin) {
    *place = Some(Value { value, origin: origin.clone() });
}

/// A relative path is relative to the shell's directory; a file has none.
fn absolute(text: &str, origin: &Origin) -> Result<PathBuf, BadValue> {
    let path = Path::new(text);
    if path.is_absolute() {
        return Ok(path.to_path_buf());
    }
    match origin {
        Origin::File { .. } | Origin::Default => Err(BadValue::RelativePath),
        Origin::Variable(_) | Origin::Flag(_) => {
            std::path::absolute(path).ok().ok_or(BadValue::RelativePath)
        }
    }
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// More peers than a node can usefully dial.
const MOST_PEERS: usize = 256;
const MOST_OPERATORS: usize = 64;
