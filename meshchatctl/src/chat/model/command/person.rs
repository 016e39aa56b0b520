//! Whom a line means.

use crate::chat::model::Model;
use crate::chat::model::place::Who;
use crate::output::escape::escape;

impl Model {
    /// The person that a text begins with, and the rest. Names may have spaces.
    pub(super) fn person_at_start<'a>(&self, rest: &'a str) -> Result<(Who, &'a str), String> {
        let rest = rest.trim_start_matches('@');
        let all = self.people.all();
        let full =
            all.iter().map(Who::of).filter_map(|who| Some((behind(rest, &who.to_string())?, who)));
        if let Some((text, who)) = full.min_by_key(|(text, _)| text.len()) {
            return Ok((who, text));
        }
        let (first, _) = rest.split_once(' ').unwrap_or((rest, ""));
        if let Some(who) = Who::parse(first) {
            return Ok((who, rest.get(first.len()..).unwrap_or("").trim_start()));
        }
        // A longer name that fits may be a stranger's, who chose it to be taken for another.
        let others = all.iter().filter(|one| !one.me);
        let fit: Vec<(&str, Who)> = others
            .filter_map(|one| Some((behind(rest, one.name.as_str())?, Who::of(one))))
            .collect();
        match fit.as_slice() {
            [(text, who)] => Ok((who.clone(), text)),
            [] => Err(format!("nobody called '{}' is known here; see /users", escape(first))),
            them => {
                let them: Vec<String> = them.iter().map(|(_, who)| who.to_string()).collect();
                Err(format!("which one? {}", them.join(", ")))
            }
        }
    }
}

/// What stands behind a name at the start of a text; large and small letters are the same.
fn behind<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut letters = text.chars();
    for letter in name.chars() {
        if !letters.next()?.to_lowercase().eq(letter.to_lowercase()) {
            return None;
        }
    }
    let rest = letters.as_str();
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}
