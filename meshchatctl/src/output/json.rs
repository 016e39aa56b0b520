//! JSON lines; `docs/json.md` describes them.

use serde::Serialize;
use serde_json::Value;

/// Version of what `--json` prints. Fields may be added without a new one.
const SCHEMA: u8 = 1;

#[derive(Serialize)]
struct Line<'a, T> {
    schema: u8,
    #[serde(flatten)]
    value: &'a T,
}

/// The object that [`line`] writes.
pub(crate) fn object(value: &impl Serialize) -> Value {
    serde_json::to_value(Line { schema: SCHEMA, value }).unwrap_or(Value::Null)
}

/// A value without its schema.
pub(crate) fn plain(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// One object on one line, with its schema first.
pub(crate) fn line(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(&Line { schema: SCHEMA, value })
        .unwrap_or_else(|error| format!("{{\"schema\":{SCHEMA},\"unprintable\":\"{error}\"}}"));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::control::Reloaded;

    #[test]
    fn the_schema_comes_first() {
        let value = Reloaded { applied: vec!["a".into()], needs_restart: Vec::new() };
        assert_eq!(
            super::line(&value),
            "{\"schema\":1,\"applied\":[\"a\"],\"needs_restart\":[]}\n"
        );
    }
}
