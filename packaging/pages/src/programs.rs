//! Pages of programs and their commands, from the descriptions that also make their help.

use clap::{Arg, Command};

use crate::page::Page;
use crate::prose::columns;

/// What a page says beyond the description of the program.
pub(crate) struct About {
    pub(crate) section: &'static str,
    pub(crate) files: &'static str,
    /// Exit codes, when the help does not list them.
    pub(crate) exits: &'static str,
    pub(crate) see: &'static [&'static str],
}

/// The page of a program, with all its options.
pub(crate) fn program(command: &Command, about: &About, date: &str) -> Page {
    let mut page = begin(command, about.section, date);
    description(&mut page, command);
    arguments(&mut page, command, "OPTIONS", |arg| !arg.is_positional());
    below(&mut page, command, about.section == "1");
    let help = Help::of(command);
    environment(&mut page, command, &help);
    section(&mut page, "FILES", about.files);
    let exits = help.part("Exit codes");
    section(&mut page, "EXIT STATUS", if exits.is_empty() { about.exits } else { exits });
    section(&mut page, "NOTES", &help.rest());
    examples(&mut page, &help);
    page.see_also(about.see);
    page
}

/// The page of one command of a program, with the commands below it.
pub(crate) fn command(command: &Command, see: &[&str], date: &str) -> Page {
    let mut page = begin(command, "1", date);
    description(&mut page, command);
    page.paragraph("Options that every command takes are in meshchatctl(1).");
    own_arguments(&mut page, command);
    for inner in visible(command) {
        nested(&mut page, inner);
    }
    let help = Help::of(command);
    let exits = help.part("Exit codes");
    section(&mut page, "EXIT STATUS", exits);
    if exits.is_empty() {
        section(&mut page, "EXIT STATUS", "0 when it was done. All codes are in meshchatctl(1).");
    }
    section(&mut page, "NOTES", &help.rest());
    examples(&mut page, &help);
    page.see_also(see);
    page
}

/// Commands that a help shows.
pub(crate) fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help")
}

fn begin(command: &Command, section: &'static str, date: &str) -> Page {
    let name = command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-");
    let mut page = Page::new(&name, section, date);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    page.name_section(&lower_first(&about));
    page.synopsis(&usage(command), command.get_bin_name().unwrap_or(command.get_name()));
    page
}

/// What the help shows behind `Usage:`.
fn usage(command: &Command) -> String {
    let text = command.clone().render_usage().to_string();
    text.strip_prefix("Usage:").unwrap_or(&text).trim().to_owned()
}

fn description(page: &mut Page, command: &Command) {
    page.heading("DESCRIPTION");
    page.prose(&long(command));
}

fn long(command: &Command) -> String {
    let about = command.get_long_about().or_else(|| command.get_about());
    let text = about.map(ToString::to_string).unwrap_or_default();
    sentences(&text)
}

/// Paragraphs of a help, of which the first has no full stop, as sentences.
fn sentences(text: &str) -> String {
    let ended = |part: &str| match part
        .trim_end()
        .ends_with(|c: char| c.is_alphanumeric() || ")]`".contains(c))
    {
        true => format!("{}.", part.trim_end()),
        false => part.to_owned(),
    };
    text.split("\n\n").map(ended).collect::<Vec<_>>().join("\n\n")
}

fn own_arguments(page: &mut Page, command: &Command) {
    arguments(page, command, "OPTIONS", |arg| !arg.is_global_set());
}

fn arguments(page: &mut Page, command: &Command, heading: &str, which: impl Fn(&Arg) -> bool) {
    let all: Vec<_> = shown(command).filter(|arg| which(arg)).collect();
    if !all.is_empty() {
        page.heading(heading);
        all.iter().for_each(|arg| argument(page, arg));
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Arg> {
    let positional = command.get_positionals();
    let options = command.get_opts();
    let flags = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.get_action().takes_values());
    positional.chain(options).chain(flags).filter(|arg| !arg.is_hide_set())
}

fn argument(page: &mut Page, arg: &Arg) {
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let text = sentences(&help.map(ToString::to_string).unwrap_or_default());
    let (tag, value) = tag(arg);
    page.item_with(&tag, &value, &text);
    let words = |values: Vec<String>| values.join(", ");
    let values = arg.get_possible_values();
    let flag = !arg.get_action().takes_values();
    if !values.is_empty() && !flag {
        let names = values.iter().filter(|value| !value.is_hide_set());
        page.more(&format!(
            "Values: {}.",
            words(names.map(|one| one.get_name().to_owned()).collect())
        ));
    }
    let defaults =
        arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned());
    let defaults: Vec<_> = defaults.collect();
    if !defaults.is_empty() && !flag && !arg.is_hide_default_value_set() {
        page.more(&format!("The default is {}.", words(defaults)));
    }
    if let Some(variable) = arg.get_env() {
        page.more(&format!("The environment variable is `{}`.", variable.to_string_lossy()));
    }
}

fn tag(arg: &Arg) -> (String, String) {
    let value = arg
        .get_value_names()
        .map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    if arg.is_positional() {
        return (value.unwrap_or_else(|| arg.get_id().to_string()), String::new());
    }
    let short = arg.get_short().map(|short| format!("-{short}"));
    let long = arg.get_long().map(|long| format!("--{long}"));
    let names: Vec<_> = [short, long].into_iter().flatten().collect();
    let takes = arg.get_action().takes_values();
    (names.join(", "), value.filter(|_| takes).map(|value| format!(" {value}")).unwrap_or_default())
}

/// The commands of a program: where there are pages of their own, what each does in a line.
fn below(page: &mut Page, command: &Command, pages: bool) {
    if visible(command).next().is_none() {
        return;
    }
    page.heading("COMMANDS");
    for inner in visible(command) {
        if pages {
            let name = inner.get_bin_name().unwrap_or(inner.get_name()).replace(' ', "-");
            let about = inner.get_about().map(ToString::to_string).unwrap_or_default();
            page.item_with(&name, "(1)", &format!("{}.", about.trim_end_matches('.')));
        } else {
            nested_at(page, inner);
        }
    }
}

fn nested(page: &mut Page, command: &Command) {
    page.heading(&command.get_bin_name().unwrap_or(command.get_name()).to_uppercase());
    body(page, command);
}

/// The same, with those below it, as parts of one section.
fn nested_at(page: &mut Page, command: &Command) {
    if visible(command).next().is_none() {
        page.subheading(command.get_bin_name().unwrap_or(command.get_name()));
        body(page, command);
    }
    visible(command).for_each(|inner| nested_at(page, inner));
}

fn body(page: &mut Page, command: &Command) {
    page.literal(&usage(command).lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>());
    page.prose(&long(command));
    shown(command)
        .filter(|arg| !arg.is_global_set() && arg.get_id() != "help")
        .for_each(|arg| argument(page, arg));
    visible(command).for_each(|inner| nested_at(page, inner));
}

fn environment(page: &mut Page, command: &Command, help: &Help) {
    let of_args = command.get_arguments().filter_map(|arg| {
        Some((arg.get_env()?.to_string_lossy().into_owned(), arg.get_long()?.to_owned()))
    });
    let of_args: Vec<_> = of_args.collect();
    let text = help.part("Environment");
    if text.is_empty() && of_args.is_empty() {
        return;
    }
    page.heading("ENVIRONMENT");
    page.prose(text);
    of_args.iter().for_each(|(variable, long)| page.item(variable, &format!("As --{long}.")));
}

fn section(page: &mut Page, heading: &str, text: &str) {
    if !text.is_empty() {
        page.heading(heading);
        page.prose(text);
    }
}

fn examples(page: &mut Page, help: &Help) {
    let text = help.part("Examples");
    if text.is_empty() {
        return;
    }
    page.heading("EXAMPLES");
    for line in text.lines() {
        let (typed, does) = columns(line).unwrap_or((line.trim(), ""));
        page.item(typed, &upper_first(does));
    }
}

/// Headings of a help that are sections of a page.
const PARTS: [&str; 3] = ["Examples", "Environment", "Exit codes"];

/// What a help says below the options: parts under headings that end with a colon.
struct Help(String);

impl Help {
    fn of(command: &Command) -> Self {
        let help = command.get_after_long_help().or_else(|| command.get_after_help());
        Self(help.map(ToString::to_string).unwrap_or_default())
    }

    /// The lines under a heading.
    fn part(&self, heading: &str) -> &str {
        let start = format!("{heading}:\n");
        let Some(at) = self.0.find(&start) else { return "" };
        let rest = self.0.get(at + start.len()..).unwrap_or_default();
        rest.split("\n\n").next().unwrap_or_default()
    }

    /// What stands under none of the headings that have a section of their own.
    fn rest(&self) -> String {
        let known =
            |part: &str| PARTS.iter().any(|heading| part.starts_with(&format!("{heading}:\n")));
        self.0.split("\n\n").filter(|part| !known(part)).collect::<Vec<_>>().join("\n\n")
    }
}

/// A name section goes on with a small letter.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let whole = first + letters.as_str();
    if whole.is_empty() || whole.ends_with('.') { whole } else { format!("{whole}.") }
}
