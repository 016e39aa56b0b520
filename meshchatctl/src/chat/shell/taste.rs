//! How the person wants the chat: the command line, then `ctl.toml`, then what the terminal can.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

use crate::args::{Chat, Color, Switch};
use crate::chat::seam::{Notify, Taste};
use crate::failure::Failure;
use crate::output::View;

/// How the person wants it.
///
/// # Errors
///
/// When there is no terminal that can do it, or `ctl.toml` cannot be understood.
pub(crate) fn taste(view: &View, args: &Chat) -> Result<Taste, Failure> {
    let get = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    check_terminal(view.terminal && io::stdin().is_terminal(), get("TERM").as_deref())?;
    let file = match ctl_toml(get) {
        Some(path) => read(&path)?,
        None => Settings::default(),
    };
    let switch = |given: Option<Switch>| given.map(|given| given == Switch::On);
    Ok(Taste {
        color: color(view, file.color),
        mouse: switch(args.mouse).or(file.mouse).unwrap_or(false),
        notify: args.notify.or(file.notify).unwrap_or_default(),
        unicode: file.unicode.unwrap_or_else(|| speaks_utf8(get)),
    })
}

fn check_terminal(terminal: bool, term: Option<&str>) -> Result<(), Failure> {
    let message = match term {
        _ if !terminal => "the chat needs a terminal for what it shows and what you type",
        None => "the chat needs a terminal that can move its cursor, and TERM is not set",
        Some("dumb") => "the chat needs a terminal that can move its cursor, and TERM is dumb",
        Some(_) => return Ok(()),
    };
    Err(Failure::usage(message)
        .hint("read:    meshchatctl tail")
        .hint("write:   meshchatctl send ROOM TEXT"))
}

/// What the flag says counts most; what the file says, where the flag leaves it open.
fn color(view: &View, file: Option<Color>) -> bool {
    match (view.wanted, file) {
        (Color::Auto, Some(Color::Always)) => true,
        (Color::Auto, Some(Color::Never)) => false,
        (Color::Auto, Some(Color::Auto) | None) | (Color::Always | Color::Never, _) => view.color,
    }
}

fn ctl_toml(get: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let base = get("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(Path::new(&get("HOME")?).join(".config")))?;
    Some(base.join("meshchat").join("ctl.toml"))
}

/// `ctl.toml`; other commands may get tables of their own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    chat: Settings,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    mouse: Option<bool>,
    notify: Option<Notify>,
    color: Option<Color>,
    unicode: Option<bool>,
}

fn read(path: &Path) -> Result<Settings, Failure> {
    let bad = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot use {}: {why}", path.display()))
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) => {
            // After `sudo -u`, the home may be that of somebody else.
            let foreign = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
            return match foreign.contains(&error.kind()) {
                true => Ok(Settings::default()),
                false => Err(bad(&error)),
            };
        }
    };
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| bad(&error))?;
    parse(&text).map_err(|error| {
        // Each line apart, as a failure is shown line by line.
        let lines = error.to_string();
        lines.lines().fold(bad(&"it has a mistake"), Failure::hint)
    })
}

fn parse(text: &str) -> Result<Settings, toml::de::Error> {
    toml::from_str::<File>(text).map(|file| file.chat)
}

/// The first of these that is set decides, as in every program.
fn speaks_utf8(get: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| get(name));
    let locale = locale.unwrap_or_default().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Bytes of `ctl.toml`.
const LARGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_understood_and_none_is_needed() {
        let text =
            "[chat]\nmouse = true\nnotify = \"mentions\"\ncolor = \"never\"\nunicode = false";
        let wanted = Settings {
            mouse: Some(true),
            notify: Some(Notify::Mentions),
            color: Some(Color::Never),
            unicode: Some(false),
        };
        assert_eq!(parse(text).unwrap(), wanted);
        assert_eq!(parse("").unwrap(), Settings::default());
        assert_eq!(parse("[chat]").unwrap(), Settings::default());
    }

    #[test]
    fn a_mistake_is_shown_with_its_line() {
        let error = parse("[chat]\nmuose = true").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("unknown field `muose`"), "{error}");
        let error = parse("[chat]\nnotify = \"loud\"").unwrap_err().to_string();
        assert!(error.contains("`off`, `mentions`, `messages`"), "{error}");
        assert!(parse("[chta]").is_err());
    }

    #[test]
    fn the_flag_counts_more_than_the_file() {
        let view = |wanted, color| View { wanted, color, ..View::plain() };
        assert!(!color(&view(Color::Auto, true), Some(Color::Never)));
        assert!(color(&view(Color::Auto, false), Some(Color::Always)));
        assert!(color(&view(Color::Always, true), Some(Color::Never)));
        assert!(!color(&view(Color::Never, false), Some(Color::Always)));
        assert!(color(&view(Color::Auto, true), None));
    }

    #[test]
    fn the_locale_says_whether_letters_can_be_shown() {
        let locale = |set: &'static [(&str, &str)]| {
            speaks_utf8(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[("LANG", "en_GB.UTF-8")]));
        assert!(locale(&[("LC_CTYPE", "C.utf8"), ("LANG", "C")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]));
        assert!(!locale(&[]));
    }

    #[test]
    fn terminals_that_cannot_are_refused() {
        assert!(check_terminal(true, Some("xterm")).is_ok());
        for (terminal, term) in [(false, Some("xterm")), (true, Some("dumb")), (true, None)] {
            assert_eq!(check_terminal(terminal, term).unwrap_err().exit_code(), 2);
        }
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_by_name() {
        let failure = read(Path::new("/dev/urandom")).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert_eq!(read(Path::new("/nowhere/ctl.toml")).unwrap(), Settings::default());
    }
}
