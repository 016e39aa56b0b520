//! `--format`: the objects of `--json`, each written as a template says.

use serde_json::{Map, Value};

use super::escape::escape;

/// Text with fields in it, such as `{name} {state}\n`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// The way to a value: fields of objects and places in lists.
    Field(Vec<String>),
}

impl Template {
    /// Reads a template: `{field}`, `{a.b}`, `{list.0}`, `{{`, `}}`, `\t`, `\n`, `\\`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => plain.push(control(letters.next())?),
                '{' | '}' if letters.next_if_eq(&letter).is_some() => plain.push(letter),
                '{' => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(Part::Field(field(&mut letters)?));
                }
                _ => plain.push(letter),
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self { parts })
    }

    /// The text for one object, whatever controls a terminal made harmless. Nothing for an event
    /// that has none of the fields: it is not what was asked for.
    ///
    /// # Errors
    ///
    /// Names the fields that there are when one is asked for that no such object has.
    pub(crate) fn render(&self, object: &Value) -> Result<String, String> {
        let mut out = String::new();
        let (mut asked, mut found) = (false, false);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Field(path) => {
                    let value = find(object, path)?;
                    (asked, found) = (true, found || value.is_some());
                    out.push_str(&escape(&value.map_or_else(String::new, plain)));
                }
            }
        }
        let is_other = asked && !found && object.get("event").is_some();
        Ok(if is_other { String::new() } else { out })
    }
}

fn control(letter: Option<char>) -> Result<char, String> {
    match letter {
        Some('t') => Ok('\t'),
        Some('n') => Ok('\n'),
        Some('\\') => Ok('\\'),
        _ => Err("behind a \\ there may be t, n or another \\".into()),
    }
}

/// What stands behind a brace, up to its end.
fn field(letters: &mut impl Iterator<Item = char>) -> Result<Vec<String>, String> {
    let mut name = String::new();
    loop {
        match letters.next() {
            Some('}') => break,
            Some(letter) => name.push(letter),
            None => return Err("a { is never closed; write {{ for the sign itself".into()),
        }
    }
    let steps: Vec<String> = name.split('.').map(|step| step.trim().to_owned()).collect();
    match steps.iter().any(String::is_empty) {
        true => Err(format!("'{{{name}}}' names no field")),
        false => Ok(steps),
    }
}

/// The value at the end of a path; none where this object has nothing to say there.
fn find<'a>(object: &'a Value, path: &[String]) -> Result<Option<&'a Value>, String> {
    let mut at = object;
    for step in path {
        at = match at {
            Value::Null => return Ok(None),
            Value::Object(fields) => match fields.get(step) {
                Some(value) => value,
                None if may_be_missing(fields, step) => return Ok(None),
                None => {
                    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                    return Err(format!("no field '{step}'; there are {}", known.join(",")));
                }
            },
            Value::Array(items) => match step.parse::<usize>() {
                Ok(place) => match items.get(place) {
                    Some(value) => value,
                    None => return Ok(None),
                },
                Err(_) => return Err(format!("'{step}' is no place in a list; the first is 0")),
            },
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                return Err(format!("no field '{step}' in a plain value"));
            }
        };
    }
    Ok(Some(at))
}

/// Whether an object of this kind has the field at other times.
fn may_be_missing(fields: &Map<String, Value>, name: &str) -> bool {
    if fields.contains_key("event") {
        return OF_EVENTS.contains(&name);
    }
    let is = |known: &&str| fields.contains_key(*known);
    OPTIONAL.iter().any(|(kind, names)| kind.iter().all(is) && names.contains(&name))
}

/// Lists of plain values with commas, all else as JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(",")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Fields that an object leaves out when there is nothing to say, behind those that only objects of
/// its kind have together.
const OPTIONAL: &[(&[&str], &[&str])] = &[
    // The state of a node, its history, and a change of what is logged.
    (&["uptime_ms", "boot"], &["clock_offset_ms", "network_name", "process", "role"]),
    (&["mode", "messages", "cursor"], &["disk"]),
    (&["filter", "configured"], &["reverts_ms"]),
    // Nodes, people, doors.
    (&["hops", "path", "software"], &["new_key", "own_name", "verified"]),
    (&["node_name", "rooms", "me"], &["gateway", "muted", "verified"]),
    (&["addresses", "clients", "most"], &["drops", "pairing", "problem"]),
    // What `send --wait` prints of the same message: that it went out, and who holds it.
    (
        &["cursor", "kept", "links"],
        &["age_ms", "author", "known", "node", "node_name", "nodes", "reached"],
    ),
    (&["known", "nodes", "reached"], &["cursor", "kept", "links", "seq"]),
];

/// Fields that only some events of a stream have: empty in the others, not wrong.
const OF_EVENTS: &[&str] = &[
    "address",
    "added",
    "after_ms",
    "age_ms",
    "answered",
    "author",
    "back",
    "before_start",
    "boot",
    "carrier",
    "caught_up",
    "clients",
    "count",
    "cpu_ms",
    "cursor",
    "changes",
    "digits",
    "disk",
    "door",
    "drops",
    "expected",
    "fields",
    "from",
    "from_node",
    "from_node_name",
    "gateway",
    "gone",
    "id",
    "kind",
    "known",
    "late",
    "letter",
    "links",
    "messages",
    "missing",
    "muted",
    "name",
    "network_name",
    "new_key",
    "node",
    "node_name",
    "note",
    "ours",
    "own",
    "own_name",
    "pairing",
    "people",
    "person",
    "problem",
    "process",
    "reachable",
    "reason",
    "refused",
    "reverts_ms",
    "role",
    "room",
    "rtt_us",
    "seq",
    "skipped",
    "state",
    "text",
    "theirs",
    "time",
    "to",
    "to_node",
    "to_node_name",
    "total",
    "verified",
    "via",
    "wall_ms",
    "was",
    "why",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn render(template: &str, object: &Value) -> Result<String, String> {
        Template::parse(template)?.render(object)
    }

    #[test]
    fn fields_stand_where_the_template_says() {
        let object = json!({"name": "pi", "n": 3, "ok": true, "no": null, "in": {"a": [1, 2]}});
        for (template, text) in [
            ("{name} {n}\\n", "pi 3\n"),
            ("{in.a}\t{in.a.1}", "1,2\t2"),
            ("{{{name}}} \\\\ \\t {ok}", "{pi} \\ \t true"),
            ("[{no}][{in.a.9}][{no.where}]", "[][][]"),
            ("{ name }}}", "pi}"),
            ("{in}", "{\"a\":[1,2]}"),
            ("plain", "plain"),
        ] {
            assert_eq!(render(template, &object).unwrap(), text, "{template}");
        }
    }

    #[test]
    fn what_may_be_missing_is_empty_and_what_never_is_there_is_an_error() {
        let event = json!({"event": "message", "name": "pi"});
        assert_eq!(render("{name}<{via}>", &event).unwrap(), "pi<>");
        assert_eq!(render("<{via}>", &event).unwrap(), "", "another event");
        assert_eq!(render("-", &event).unwrap(), "-");
        assert!(render("{vai}", &event).is_err());
        let node = json!({"hops": 1, "path": [], "software": "", "state": "reachable"});
        assert_eq!(render("<{own_name}>", &node).unwrap(), "<>");
        let sent = json!({"id": "x", "cursor": 1, "kept": "memory", "links": 1});
        assert_eq!(render("{links}<{reached}>", &sent).unwrap(), "1<>");
        let status = json!({"uptime_ms": 1, "boot": 1, "history": {"mode": "off"}});
        assert_eq!(render("<{role}>", &status).unwrap(), "<>");
        for other in ["{state}", "{own_name}", "{via}", "{room}", "{history.role}"] {
            assert!(render(other, &status).is_err(), "{other}");
        }
        let object = json!({"schema": 1, "name": "pi"});
        assert_eq!(
            render("{nmae}", &object).unwrap_err(),
            "no field 'nmae'; there are name,schema"
        );
        assert!(render("{name.x}", &object).is_err());
        assert!(render("{l.x}", &json!({"l": [1]})).unwrap_err().contains("place in a list"));
    }

    #[test]
    fn slips_of_the_pen_are_told() {
        for bad in ["{", "{name", "{}", "{a..b}", "a\\x", "\\", "{a} {b", "{{{a"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_controls_the_terminal() {
        let object = json!({"name": "a\x1b[2J\nb", "list": ["\x07"]});
        assert_eq!(render("{name}{list}", &object).unwrap(), "a\\x1b[2J\\nb\\x07");
    }
}
