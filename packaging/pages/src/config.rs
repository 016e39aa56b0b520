//! Pages of configuration files, from the commented files in `etc/`, which say what each key means.

use crate::page::Page;

/// What a page says beside what the file says.
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Where such files are.
    pub(crate) synopsis: &'static str,
    pub(crate) files: &'static str,
    pub(crate) see: &'static [&'static str],
}

/// The page of a file. `variable` gives the environment variable of a key, if it has one.
pub(crate) fn page(
    about: &About,
    file: &str,
    variable: impl Fn(&str) -> Option<&'static str>,
    date: &str,
) -> Page {
    let mut page = Page::new(about.name, "5", date);
    page.name_section(about.about);
    page.synopsis(about.synopsis, "");
    let mut parts = parts(file).into_iter();
    page.heading("DESCRIPTION");
    if let Some(first) = parts.next() {
        let text = first.text.split_once("\n\n").map_or("", |(_, rest)| rest);
        page.prose(text);
        page.paragraph("The file is in the format TOML.");
    }
    let mut headed = false;
    for part in parts {
        if let Some(section) = &part.section {
            page.heading(&format!("SECTION [{section}]"));
            page.prose(&part.text);
            headed = true;
        } else if !headed {
            page.heading("KEYS");
            headed = true;
        }
        keys(&mut page, &part, &variable);
    }
    page.heading("FILES");
    page.prose(about.files);
    page.see_also(about.see);
    page
}

fn keys(page: &mut Page, part: &Part, variable: &impl Fn(&str) -> Option<&'static str>) {
    if part.keys.is_empty() {
        return;
    }
    let names: Vec<_> = part.keys.iter().map(|(name, _)| name.as_str()).collect();
    page.item(&names.join(", "), if part.section.is_some() { "" } else { &part.text });
    let lines = part.keys.iter().filter(|(_, line)| !line.is_empty());
    // What does not fit on a line flows.
    let (short, long): (Vec<_>, Vec<_>) = lines.partition(|(_, line)| line.len() <= MOST);
    let short: Vec<_> = short.iter().map(|(_, line)| format!("    {line}")).collect();
    page.more(&short.join("\n"));
    long.iter().for_each(|(_, line)| page.more(line));
    let variables: Vec<_> = part
        .keys
        .iter()
        .filter_map(|(name, _)| variable(name))
        .map(|name| format!("`{name}`"))
        .collect();
    if !variables.is_empty() {
        page.more(&format!("Environment variable: {}.", variables.join(", ")));
    }
}

/// Letters that fit behind the indentation of a list.
const MOST: usize = 64;

/// Words, and the keys that they are about.
#[derive(Debug, Default)]
struct Part {
    text: String,
    section: Option<String>,
    /// Names, and the lines that show them.
    keys: Vec<(String, String)>,
}

/// The parts of a file, between which there are blank lines.
fn parts(file: &str) -> Vec<Part> {
    let mut all = Vec::new();
    for block in file.split("\n\n") {
        let mut part = Part::default();
        for line in block.lines() {
            match line.strip_prefix('#') {
                Some("") => part.text.push('\n'),
                Some(words) if words.starts_with(' ') => {
                    part.text.push_str(words.strip_prefix(' ').unwrap_or_default());
                    part.text.push('\n');
                }
                Some(line) => take(&mut part, line),
                None => take(&mut part, line),
            }
        }
        // A table in an array is a key that is shown as an example in the words about it.
        if let (true, Some(name)) = (part.keys.is_empty(), table_of(&part.text)) {
            part.keys.push((name, String::new()));
        }
        all.push(part);
    }
    all
}

/// A line that is TOML, or would be without its `#`.
fn take(part: &mut Part, line: &str) {
    if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        part.section = Some(name.to_owned());
    } else if let Some((name, _)) = line.split_once(" = ") {
        part.keys.push((name.to_owned(), line.to_owned()));
    }
}

fn table_of(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| line.starts_with("[["))?;
    Some(line.trim_matches(['[', ']']).to_owned())
}
