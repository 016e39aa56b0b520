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
        let (first, text) = rest.split_once(' ').unwrap_or((rest, ""));
        if let Some(who) = Who::parse(first) {
            return Ok((who, text.trim_start()));
        }
        let names = all.iter().map(|one| one.name.as_str());
        let named = names.filter_map(|name| Some((behind(rest, name)?, name)));
        let (text, name) =
            named.min_by_key(|(text, _)| text.len()).unwrap_or((text.trim_start(), first));
        let them = self.people.called(name).filter(|one| !one.me).map(Who::of);
        match them.collect::<Vec<Who>>().as_slice() {
            [who] => Ok((who.clone(), text)),
            [] => Err(format!("nobody called '{}' is known here; see /users", escape(name))),
            them => {
                let them: Vec<String> = them.iter().map(ToString::to_string).collect();
                Err(format!("which one? {}", them.join(", ")))
            }
        }
    }
}

/// What stands behind a name at the start of a text.
fn behind<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(name)?;
    (rest.is_empty() || rest.starts_with(' ')).then(|| rest.trim_start())
}
