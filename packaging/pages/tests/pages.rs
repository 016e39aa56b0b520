//! What `meshchat-pages` writes: complete, and to the liking of those who render it.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, process};

use clap::Command as Clap;

/// All that the program wrote; removed when dropped.
struct Written {
    folder: PathBuf,
}

impl Written {
    fn new(name: &str) -> Self {
        let name = format!("{name}-{}", process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        run(Command::new(env!("CARGO_BIN_EXE_meshchat-pages"))
            .arg(&folder)
            .env("SOURCE_DATE_EPOCH", "1790000000"));
        Self { folder }
    }

    /// Pages by file name.
    fn pages(&self) -> BTreeMap<String, PathBuf> {
        let sections = fs::read_dir(self.folder.join("man")).unwrap();
        let files = sections.flat_map(|section| fs::read_dir(section.unwrap().path()).unwrap());
        let named = files
            .map(|file| file.unwrap())
            .map(|file| (file.file_name().into_string().unwrap(), file.path()));
        named.collect()
    }

    /// A page as it was written, without the marks for dashes.
    fn text(&self, page: &str) -> String {
        let path = &self.pages()[page];
        fs::read_to_string(path)
            .unwrap()
            .replace("\\-", "-")
            .replace("\\fB", "")
            .replace("\\fR", "")
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn is_there(program: &str) -> bool {
    let there = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: {program} is not installed");
    }
    there
}

/// Each option and argument of a command and those below it.
fn check_command(command: &Clap, text: &str, global: bool) {
    let shown = |arg: &&clap::Arg| !arg.is_hide_set() && (global || !arg.is_global_set());
    for arg in command.get_arguments().filter(shown) {
        let long = arg.get_long().map(|long| format!("--{long}"));
        let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let wanted = long.or(value).unwrap();
        assert!(text.contains(&wanted), "{} says nothing of {wanted}", command.get_name());
    }
    for below in command.get_subcommands().filter(|one| one.get_name() != "help") {
        assert!(text.contains(below.get_name()), "nothing of {}", below.get_name());
        check_command(below, text, false);
    }
}

#[test]
fn every_command_and_option_has_its_words() {
    let written = Written::new("options");
    let mut ctl = meshchatctl::command();
    ctl.build();
    let whole = written.text("meshchatctl.1");
    for arg in ctl.get_opts() {
        assert!(whole.contains(&format!("--{}", arg.get_long().unwrap())), "{arg}");
    }
    for command in ctl.get_subcommands().filter(|one| !one.is_hide_set()) {
        let page = format!("meshchatctl-{}.1", command.get_name());
        assert!(whole.contains(page.strip_suffix(".1").unwrap()), "{page}");
        check_command(command, &written.text(&page), false);
    }
    let mut daemon = meshchatd::config::command();
    daemon.build();
    check_command(&daemon, &written.text("meshchatd.8"), true);
    let mut gateway = meshchat_gateway::args::command();
    gateway.build();
    check_command(&gateway, &written.text("meshchat-gateway.8"), true);
}

#[test]
fn every_exit_code_has_its_words() {
    let written = Written::new("codes");
    let text = written.text("meshchatctl.1");
    let (_, status) = text.split_once("EXIT STATUS").unwrap();
    let scripting = include_str!("../../../docs/scripting.md");
    for code in meshchatctl::EXIT_CODES {
        assert!(scripting.contains(&format!("\n| {code} | ")), "docs/scripting.md: {code}");
        assert!(status.contains(&format!("\n{code}\n")), "nothing of {code}: {status}");
    }
    for page in ["meshchatd.8", "meshchat-gateway.8"] {
        let text = written.text(page);
        assert!(text.contains(&format!("\n{}\n", meshchatd::config::EXIT_CONFIG)), "{page}");
    }
}

#[test]
fn every_key_of_the_daemon_has_its_words() {
    let written = Written::new("keys");
    let page = written.text("meshchat.toml.5");
    let file = include_str!("../../../etc/meshchat.toml");
    for key in meshchatd::config::Key::ALL {
        let line = |line: &str| {
            let bare = line.trim_start_matches(['#', ' ', '[']);
            bare.strip_prefix(key.name()).is_some_and(|rest| rest.starts_with([' ', ']']))
        };
        assert!(file.lines().any(line), "etc/meshchat.toml says nothing of {}", key.name());
        assert!(is_tag(&page, key.name()), "meshchat.toml(5) says nothing of {}", key.name());
        assert!(page.contains(key.variable()), "nothing of {}", key.variable());
    }
}

/// Whether a list of the page has an entry for this key, alone or with others.
fn is_tag(page: &str, key: &str) -> bool {
    let tags = page.split(".TP\n").skip(1).filter_map(|entry| entry.lines().next());
    tags.flat_map(|tag| tag.split(", ")).any(|tag| tag == key)
}

/// The keys that the gateway knows in a section, from what it says of one that it does not know.
fn gateway_keys(section: &str) -> Vec<String> {
    let text = format!("{section}\nno-such-key = 1\n");
    let error = toml::from_str::<meshchat_gateway::config::Config>(&text).unwrap_err();
    let words = error.message().to_owned();
    let (_, known) = words.split_once("expected").unwrap_or_else(|| panic!("{words}"));
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_gateway_has_its_words() {
    let written = Written::new("doors");
    let page = written.text("meshchat-gateway.toml.5");
    let file = include_str!("../../../etc/gateway.toml");
    let sections = gateway_keys("");
    assert!(sections.len() > 4, "{sections:?}");
    for section in sections {
        let (_, part) = page.split_once(&format!("SECTION [{section}]")).unwrap();
        let part = part.split(".SH").next().unwrap();
        assert!(file.contains(&format!("[{section}]")), "{section}");
        for key in gateway_keys(&format!("[{section}]")) {
            assert!(is_tag(part, &key), "nothing of {section}.{key}");
            assert!(file.contains(&format!("#{key} = ")), "etc: nothing of {section}.{key}");
        }
    }
}

#[test]
fn pages_are_clean_and_the_same_each_time() {
    let (one, two) = (Written::new("one"), Written::new("two"));
    let (pages, again) = (one.pages(), two.pages());
    assert!(pages.len() > 30, "{pages:?}");
    for (name, path) in &pages {
        let text = fs::read_to_string(path).unwrap();
        assert_eq!(text, fs::read_to_string(&again[name]).unwrap());
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{name}");
        assert!(text.contains("2026-09-21"), "{name} has another date");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"] {
            let overview = name == "meshchat.7" && section == "SYNOPSIS";
            assert!(
                overview
                    || text
                        .contains(&format!(".SH {section}\n").replace("SEE ALSO", "\"SEE ALSO\"")),
                "{name}: {section}"
            );
        }
    }
}

#[test]
fn man_renders_them_without_warnings_in_80_columns() {
    if !is_there("man") || !is_there("groff") {
        return;
    }
    let written = Written::new("man");
    for (name, path) in written.pages() {
        let output = run(Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8"])
            .arg(&path)
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8")
            .env("MANROFFOPT", "-P-c -P-b -P-u -P-o"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.is_empty(), "{name}: {said}");
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{name}: {line}");
        }
    }
}

#[test]
fn mandoc_finds_nothing_wrong() {
    if !is_there("mandoc") {
        return;
    }
    let written = Written::new("mandoc");
    for (name, path) in written.pages() {
        let output =
            Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn every_other_page_that_is_named_is_there() {
    let written = Written::new("named");
    let pages = written.pages();
    for name in pages.keys() {
        let text = written.text(name);
        let (_, see) = text.split_once("SEE ALSO").unwrap();
        for word in see.split([',', '\n', ' ']).filter(|word| word.ends_with(')')) {
            let file = word.trim_end_matches(')').replace('(', ".");
            assert!(pages.contains_key(&file), "{name} names {word}, which is not there");
        }
    }
}

#[test]
fn completions_lie_where_shells_look() {
    let written = Written::new("shells");
    for shell in meshchatctl::Shell::ALL {
        let path = written.folder.join("completions").join(shell.path());
        assert_eq!(fs::read_to_string(path).unwrap(), shell.script());
    }
}
