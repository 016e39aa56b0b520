use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, Instant};

use super::*;
use crate::chat::seam::Unsent;

/// A folder that goes with the test.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("meshchat-memory-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn folder(&self) -> PathBuf {
        self.0.join("a").join("b")
    }

    fn memory(&self) -> Memory {
        Memory::open_at(&self.folder())
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.folder()).unwrap();
        fs::write(self.folder().join(name), text).unwrap();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn typed(line: &str) -> Keep {
    Keep::Typed { conversation: "#a".into(), line: line.into() }
}

fn unsent(text: &str) -> Unsent {
    Unsent { conversation: "#a".into(), text: text.into(), action: false, tried_ms: None }
}

fn why(input: Option<Input>) -> String {
    match input {
        Some(Input::NotKept(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// What it says in the end, asked by something harmless.
fn trouble(memory: &mut Memory) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(input) = memory.keep(Keep::Unsent(vec![unsent("x")])) {
            return why(Some(input));
        }
        assert!(Instant::now() < deadline, "it says nothing");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn all_of_it_comes_back() {
    let home = Home::new("back");
    let mut memory = home.memory();
    assert_eq!(memory.kept(), Kept::default());
    for keep in [
        typed("one"),
        typed("two\nlines"),
        Keep::Read { conversation: "#a".into(), cursor: 7 },
        Keep::Muted(vec!["#loud".into()]),
        Keep::Last("#a".into()),
        Keep::Introduced,
        Keep::Unsent(vec![unsent("later")]),
    ] {
        assert!(memory.keep(keep).is_none());
    }
    drop(memory);
    let kept = home.memory().kept();
    assert_eq!(kept.typed["#a"], ["one", "two\nlines"]);
    assert_eq!(kept.read["#a"], 7);
    assert_eq!(kept.muted, ["#loud"]);
    assert_eq!(kept.last.as_deref(), Some("#a"));
    assert!(kept.introduced);
    assert_eq!(kept.unsent, [unsent("later")]);
}

#[test]
fn nobody_else_can_read_it() {
    let home = Home::new("private");
    let mut memory = home.memory();
    memory.keep(typed("secret"));
    memory.keep(Keep::Introduced);
    drop(memory);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.folder()), 0o700);
    for name in ["typed.jsonl", "state.json", "lock"] {
        assert_eq!(mode(&home.folder().join(name)), 0o600, "{name}");
    }
}

#[test]
fn words_that_were_taken_at_once_are_never_written() {
    let home = Home::new("quick");
    let mut memory = home.memory();
    memory.keep(Keep::Unsent(vec![unsent("x")]));
    memory.keep(Keep::Unsent(Vec::new()));
    drop(memory);
    assert!(!home.folder().join("unsent.json").exists());
}

#[test]
fn unsent_words_are_on_disk_soon() {
    let home = Home::new("soon");
    let mut memory = home.memory();
    memory.keep(Keep::Unsent(vec![unsent("precious")]));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !home.folder().join("unsent.json").exists() {
        assert!(Instant::now() < deadline, "not written while the chat runs");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(home.text("unsent.json").contains("precious"));
}

#[test]
fn a_damaged_file_is_set_aside_and_said() {
    let home = Home::new("damaged");
    home.write("state.json", "{ half");
    home.write("unsent.json", "[]");
    home.write("typed.jsonl", "{\"at\":\"#a\",\"line\":\"good\"}\n\0\0\0\n{\"at\":\"#a\",\"li");
    let mut memory = home.memory();
    assert_eq!(memory.kept().typed["#a"], ["good"]);
    let said = why(memory.keep(Keep::Introduced));
    assert!(said.contains("state.json.damaged") && said.contains("typed.jsonl.damaged"), "{said}");
    assert!(memory.keep(Keep::Introduced).is_none());
    drop(memory);
    assert_eq!(home.text("state.json.damaged"), "{ half");
    let mut memory = home.memory();
    assert_eq!(memory.kept().typed["#a"], ["good"]);
    assert!(memory.keep(Keep::Introduced).is_none(), "it is sound now");
}

#[test]
fn a_line_that_a_power_cut_tore_is_no_damage() {
    let home = Home::new("torn");
    home.write("typed.jsonl", "{\"at\":\"#a\",\"line\":\"good\"}\n{\"at\":\"#a\",\"li");
    let mut memory = home.memory();
    assert_eq!(memory.kept().typed["#a"], ["good"]);
    memory.keep(typed("next"));
    assert_eq!(memory.close(), Ok(()));
    let memory = home.memory();
    assert_eq!(memory.kept().typed["#a"], ["good", "next"]);
    assert!(memory.trouble().is_none(), "the next line is not glued to it");
}

#[test]
fn a_second_chat_keeps_nothing_and_takes_no_unsent_words() {
    let home = Home::new("second");
    let mut first = home.memory();
    first.keep(Keep::Unsent(vec![unsent("mine")]));
    drop(first);
    let first = home.memory();
    let mut second = home.memory();
    assert_eq!(first.kept().unsent.len(), 1);
    assert_eq!(second.kept().unsent, []);
    assert!(why(second.keep(typed("x"))).contains("another chat"));
    assert!(second.keep(typed("x")).is_none(), "said once");
    assert!(second.close().unwrap_err().contains("another chat"));
    drop(first);
    let third = home.memory();
    assert_eq!(third.kept().unsent, [unsent("mine")]);
    assert_eq!(third.kept().typed.len(), 0);
}

#[test]
fn a_place_that_cannot_be_is_said_once() {
    let home = Home::new("place");
    fs::write(home.0.join("a"), "a file").unwrap();
    let mut memory = home.memory();
    assert_eq!(memory.kept(), Kept::default());
    assert!(why(memory.keep(typed("x"))).contains("a/b"));
    assert!(memory.keep(typed("x")).is_none());
}

#[test]
fn a_full_disk_is_said_once_and_the_chat_goes_on() {
    let home = Home::new("full");
    home.write("state.json", "{}");
    symlink("/dev/full", home.folder().join("unsent.json.new")).unwrap();
    let mut memory = home.memory();
    let said = trouble(&mut memory);
    assert!(said.contains("unsent.json") && said.contains("No space left"), "{said}");
    assert!(memory.keep(typed("x")).is_none());
    // The first attempt has removed it.
    symlink("/dev/full", home.folder().join("unsent.json.new")).unwrap();
    let why = memory.close().unwrap_err();
    assert!(why.contains("unsent.json") && why.contains("No space left"), "{why}");
}

#[test]
fn each_kind_of_trouble_is_said() {
    let home = Home::new("kinds");
    home.write("unsent.json", "{ half");
    symlink("/dev/full", home.folder().join("unsent.json.new")).unwrap();
    let mut memory = home.memory();
    assert!(why(memory.trouble()).contains("unsent.json.damaged"));
    memory.keep(Keep::Unsent(vec![unsent("x")]));
    let deadline = Instant::now() + Duration::from_secs(30);
    let said = loop {
        assert!(Instant::now() < deadline, "it says nothing");
        match memory.trouble() {
            Some(said) => break why(Some(said)),
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(said.contains("No space left"), "{said}");
}

#[test]
fn typed_lines_are_bounded() {
    let home = Home::new("bounded");
    let long = "x".repeat(4000);
    for _ in 0..3 {
        let mut memory = home.memory();
        for number in 0..60 {
            let conversation = format!("#{}", number % 7);
            assert!(memory.keep(Keep::Typed { conversation, line: long.clone() }).is_none());
        }
    }
    let mut lines = String::new();
    for number in 0..1200 {
        let at = if number < 1000 { "#a".to_owned() } else { format!("#{number}") };
        lines.push_str(&format!("{{\"at\":\"{at}\",\"line\":\"{number}\"}}\n"));
    }
    home.write("typed.jsonl", &lines);
    let typed = home.memory().kept().typed;
    assert_eq!(typed.len(), 100);
    assert!(typed.contains_key("#1199"));
    home.write("typed.jsonl", &lines.lines().take(900).collect::<Vec<_>>().join("\n"));
    let typed = home.memory().kept().typed;
    assert_eq!(typed["#a"].len(), 500);
    assert_eq!(typed["#a"].last().unwrap(), "898");
}

#[test]
fn a_file_that_grows_is_written_anew() {
    let home = Home::new("grown");
    let line = format!("{{\"at\":\"#a\",\"line\":\"{}\"}}\n", "x".repeat(1000));
    home.write("typed.jsonl", &line.repeat(900));
    let mut memory = home.memory();
    memory.keep(typed("newest"));
    drop(memory);
    let size = fs::metadata(home.folder().join("typed.jsonl")).unwrap().len();
    assert!(size <= 512 * 1024, "{size}");
    assert_eq!(home.memory().kept().typed["#a"].last().unwrap(), "newest");
}

#[test]
fn the_folder_is_that_of_the_node_and_the_person() {
    let home = |name: &str| (name == "HOME").then(|| "/home/ann".into());
    let node = meshchat_client::proto::id::NodeId([7; 32]);
    let welcome = Welcome {
        version: 1,
        software: String::new(),
        node,
        name: meshchat_client::proto::name::NodeName::of_id(&node),
        person: meshchat_client::proto::name::PersonName::anonymous(),
        admin: false,
    };
    let path = folder(&welcome, home).unwrap();
    let wanted = format!("/home/ann/.local/state/meshchat/chat/{node}-{}", geteuid());
    assert_eq!(path, Path::new(&wanted));
    assert_eq!(folder(&welcome, |_| None), None);
}
