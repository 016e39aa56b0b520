//! People at the terminal chat: real programs on real terminals.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use meshchat_proto::codec;
use meshchat_proto::control::{Error, ErrorCode, FromDaemon};
use meshchat_tests::{Ctl, Daemon, Limit, Screen, TestDir, program, wait_for};
use nix::sys::signal::Signal;

const USUAL: (u16, u16) = (80, 24);
const PAGE_UP: &str = "\x1b[5~";
const ESC: &str = "\x1b";
const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";
/// Ctrl-U.
const CLEAR: &str = "\x15";

/// Somebody with a home of their own.
struct Person {
    home: TestDir,
    ctl: Ctl,
}

impl Person {
    fn new(daemon: &Daemon) -> Self {
        Self { home: TestDir::new(), ctl: daemon.ctl() }
    }

    /// The command that starts the chat.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.ctl.command([&["chat"], args].concat());
        let folders = ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"];
        folders.iter().for_each(|folder| _ = command.env(folder, self.home.path()));
        command.env_remove("NO_COLOR");
        command
    }

    fn chat(&self) -> Screen {
        Screen::start(&self.command(&[]), USUAL)
    }

    /// Starts for the first time, which asks for a name.
    fn begin(&self, name: &str) -> Screen {
        let mut screen = self.chat();
        screen.wait_text("What are you called?");
        screen.say(name);
        screen.wait_for("the chat", |text| !text.contains("What are you called?"));
        screen.wait_text(&format!("{name}@"));
        screen
    }

    /// Gives the name, and leaves again.
    fn introduce(&self, name: &str) {
        let mut screen = self.begin(name);
        screen.key(CTRL_C);
        assert_eq!(screen.wait_exit(), 0);
    }
}

/// Two nodes that are linked.
fn pair() -> (Daemon, Daemon) {
    let a = Daemon::start("kitchen");
    let b = Daemon::builder("barn").peer(a.listen()).start();
    b.ctl().ok(["wait", "--peers", "1"]);
    (a, b)
}

#[test]
fn two_people_talk() {
    let (a, b) = pair();
    let (one, two) = (Person::new(&a), Person::new(&b));
    let (mut ann, mut ben) = (one.begin("ann"), two.begin("ben"));
    ann.say("Is the barn dry?");
    ben.wait_for("what ann says", |text| text.contains("ann") && text.contains("Is the barn dry?"));
    ben.say("As a bone.");
    ann.wait_for("what ben says", |text| text.contains("ben") && text.contains("As a bone."));
    ann.type_text("/msg be\t");
    ann.type_text("only for you\r");
    ben.say("/msg ann");
    ben.wait_text("only for you");
    ann.say("/quit");
    assert_eq!(ann.wait_exit(), 0);
    ann.assert_restored();
}

#[test]
fn any_size_is_shown_and_none_breaks_it() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut screen = one.begin("ann");
    screen.say("here I am");
    screen.wait_text("here I am");
    for size in [(40, 12), (200, 60), (20, 5), (2, 2), (1, 1), (1, 40), (200, 1), (40, 12)] {
        screen.resize(size);
        a.ctl().ok(["send", &format!("size {} {}", size.0, size.1)]);
        if size.0 >= 40 && size.1 >= 12 {
            screen.wait_text(&format!("size {} {}", size.0, size.1));
        }
    }
    screen.wait_text("here I am");
    screen.resize(USUAL);
    screen.say("/quit");
    assert_eq!(screen.wait_exit(), 0);
    screen.assert_restored();
}

#[test]
fn what_is_typed_while_the_window_changes_is_shown() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut screen = one.begin("ann");
    for (round, size) in [(100, 30), USUAL].into_iter().cycle().take(60).enumerate() {
        screen.resize(size);
        let typed = format!("round-{round};");
        screen.type_text(&typed);
        screen.wait_text(&typed);
        screen.key(CLEAR);
    }
}

#[test]
fn a_daemon_that_dies_and_comes_back_loses_no_word() {
    let (mut a, b) = pair();
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    a.listen();
    a.kill();
    ann.wait_text("reconnecting");
    ann.say("for later");
    ann.wait_text("not sent yet");
    ann.type_text("half a li");
    a.start_again();
    ann.wait_for("the connection", |text| !text.contains("reconnecting"));
    ann.wait_for("the sent line", |text| !text.contains("not sent yet"));
    ann.type_text("ne\r");
    ann.wait_text("half a line");
    let mut heard = Vec::new();
    wait_for("both lines on the other node", Limit::default(), || {
        heard = b.ctl().json(["tail", "--no-follow"]);
        heard.iter().any(|line| line["text"] == "half a line")
    });
    let times = heard.iter().filter(|line| line["text"] == "for later").count();
    assert_eq!(times, 1, "{heard:?}");
}

#[test]
fn keys_are_shown_at_once() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    // If keys waited for the tick of a second, ten of them would take some five seconds.
    let times: Vec<_> = (0..3)
        .map(|_| {
            ann.key(CLEAR);
            ann.wait_for("an empty line", |text| !text.contains("> q"));
            let begin = Instant::now();
            let mut typed = "> ".to_owned();
            for letter in "qwertyuiop".chars() {
                typed.push(letter);
                ann.type_text(&letter.to_string());
                ann.wait_text(&typed);
            }
            begin.elapsed()
        })
        .collect();
    assert!(times.iter().any(|time| *time < Duration::from_secs(2)), "{times:?}");
}

#[test]
fn the_last_words_before_leaving_are_sent() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    ann.type_text("good night\r/quit\r");
    assert_eq!(ann.wait_exit(), 0);
    let said = a.ctl().json(["tail", "--no-follow"]);
    assert!(said.iter().any(|line| line["text"] == "good night"), "{said:?}");
}

#[test]
fn words_that_are_neither_sent_nor_kept_are_given_back() {
    let mut a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut first = one.begin("ann");
    let mut second = one.chat();
    second.wait_text("another chat of yours");
    // The name that it may ask for stays.
    second.key("\r");
    a.kill();
    for (screen, words) in [(&mut first, "in the first"), (&mut second, "in the second")] {
        screen.wait_text("reconnecting");
        screen.say(words);
        screen.wait_text("not sent yet");
        screen.say("/quit");
    }
    assert_eq!(first.wait_exit(), 0);
    first.wait_text("1 line was not sent; kept for the next chat");
    assert_eq!(second.wait_exit(), 1);
    second.wait_text("1 line was not sent, nor kept: another chat of yours");
    second.wait_text("for #lobby: in the second");
    second.assert_restored();
}

#[test]
fn a_serial_line_that_knows_no_size_has_the_usual_one() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut screen = Screen::start_on_serial_line(&one.command(&[]), USUAL);
    screen.wait_text("What are you called?");
    screen.say("ann");
    screen.wait_text("ann@");
    screen.say("good morning");
    screen.wait_for("the words above the line of input", |text| {
        text.contains("good morning") && text.lines().nth(23).is_some_and(|last| last.contains('>'))
    });
    screen.say("/quit");
    assert_eq!(screen.wait_exit(), 0);
    screen.assert_restored();
}

#[test]
fn a_node_that_dies_is_shown() {
    let (a, mut b) = pair();
    let (one, two) = (Person::new(&a), Person::new(&b));
    let ann = one.begin("ann");
    let _ben = two.begin("ben");
    ann.wait_text("ben");
    b.kill();
    ann.wait_for("ben to be out of reach", |text| text.contains("ben cannot be reached"));
}

#[test]
fn unsent_words_outlive_the_chat() {
    let mut a = Daemon::start("kitchen");
    a.listen();
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    a.kill();
    ann.wait_text("reconnecting");
    ann.say("for later");
    ann.wait_text("not sent yet");
    ann.say("/quit");
    // It may ask once more, as words wait.
    let mut asked = false;
    wait_for("the end", Limit::default(), || {
        if !asked && ann.look(vt100_screen_is_chat) && ann.text().contains("again") {
            ann.say("/quit");
            asked = true;
        }
        !ann.look(vt100_screen_is_chat)
    });
    assert_eq!(ann.wait_exit(), 0);
    a.start_again();
    let mut ann = one.chat();
    ann.wait_text("for later");
    // Words keep their order: what was to be said twice would have been before this.
    ann.say("the next ones");
    let mut said = Vec::new();
    wait_for("the words to be sent", Limit::default(), || {
        said = a.ctl().json(["tail", "--no-follow"]);
        said.iter().any(|line| line["text"] == "the next ones")
    });
    let times = said.iter().filter(|line| line["text"] == "for later").count();
    assert_eq!(times, 1, "{said:?}");
    // So does what was typed.
    ann.key("\x1b[A");
    ann.wait_for("the last line", |text| text.contains("> the next ones"));
    ann.key("\x1b[A");
    ann.wait_for("the line before", |text| text.contains("> ") && text.contains("/quit"));
}

fn vt100_screen_is_chat(screen: &vt100::Screen) -> bool {
    screen.alternate_screen()
}

#[test]
fn many_pasted_lines_are_asked_about() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    let lines: Vec<_> = (1..=10).map(|number| format!("line {number}")).collect();
    ann.paste(&lines.join("\n"));
    ann.wait_text("Paste 10 lines?");
    ann.key(ESC);
    ann.wait_for("no question", |text| !text.contains("Paste 10 lines?"));
    assert!(!ann.text().contains("line 1"));
    ann.paste(&lines.join("\r"));
    ann.wait_text("Paste 10 lines?");
    ann.key("\r");
    ann.wait_text("line 10");
    let said = a.ctl().json(["tail", "--no-follow"]);
    let text = lines.join("\n");
    assert_eq!(said.iter().filter(|line| line["text"] == text.as_str()).count(), 1, "{said:?}");
    ann.paste(&"much too long\n".repeat(1000));
    ann.wait_text("Not pasted");
}

#[test]
fn the_view_stays_while_ten_thousand_lines_come() {
    let a = Daemon::start("kitchen");
    let ctl = a.ctl();
    let numbered = |from: usize, to: usize| {
        (from..to).map(|number| format!("number {number}\n")).collect::<String>()
    };
    let before = ctl.run_with_input(["send", "#lobby", "-"], numbered(0, 60).as_bytes());
    before.assert_ok();
    let one = Person::new(&a);
    let mut ann = one.begin("ann");
    ann.wait_text("number 59");
    ann.key(PAGE_UP);
    ann.wait_text("-MORE-");
    let log = |text: &str| -> Vec<String> {
        let middle =
            |line: &str| line.split('│').find(|part| part.contains("number")).map(str::to_owned);
        text.lines().filter_map(middle).collect()
    };
    let seen = log(&ann.text());
    assert!(seen.len() > 5, "{}", ann.framed());
    let flood = Ctl::new(a.socket()).limit(Limit::secs(120));
    flood.run_with_input(["send", "#lobby", "-"], numbered(1000, 11_000).as_bytes()).assert_ok();
    ann.wait_for("all new ones to be counted", |text| {
        let before = text.split(" new below").next().and_then(|text| text.split(' ').next_back());
        before.and_then(|count| count.parse().ok()).is_some_and(|count: u32| count >= 10_000)
    });
    assert_eq!(log(&ann.text()), seen, "{}", ann.framed());
    ann.key("\x1b[F");
    ann.wait_text("number 10999");
    ann.say("/quit");
    assert_eq!(ann.wait_exit(), 0);
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    one.introduce("ann");
    type Leave = fn(&mut Screen);
    let ways: [(&str, Leave); 6] = [
        ("/quit", |screen| screen.say("/quit")),
        ("Ctrl-C", |screen| screen.key(CTRL_C)),
        ("SIGTERM", |screen| screen.signal(Signal::SIGTERM)),
        ("SIGHUP", |screen| screen.signal(Signal::SIGHUP)),
        ("SIGQUIT", |screen| screen.signal(Signal::SIGQUIT)),
        ("SIGINT", |screen| screen.signal(Signal::SIGINT)),
    ];
    for (way, leave) in ways {
        let mut screen = Screen::start(&one.command(&["--mouse"]), USUAL);
        screen.wait_text("#lobby");
        assert!(screen.look(vt100::Screen::alternate_screen), "{way}");
        assert!(screen.look(vt100::Screen::bracketed_paste), "{way}");
        leave(&mut screen);
        screen.wait_exit();
        screen.assert_restored();
    }
}

#[test]
fn it_can_be_put_aside_and_taken_up_again() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    one.introduce("ann");
    let chat = one.command(&[]);
    let mut shell = Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]).env("PS1", "prompt> ");
    for (name, value) in chat.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let mut screen = Screen::start(&shell, USUAL);
    screen.wait_text("prompt>");
    let socket = a.socket();
    screen.say(&format!("{} --socket {} chat", program("meshchatctl").display(), socket.display()));
    screen.wait_text("#lobby");
    screen.type_text("half");
    screen.wait_text("> half");
    screen.key(CTRL_Z);
    screen.wait_text("Stopped");
    assert!(!screen.look(vt100::Screen::alternate_screen));
    screen.say("echo $((6 * 7))");
    screen.wait_text("42");
    screen.say("fg");
    screen.wait_text("> half");
    screen.type_text(" and half\r");
    screen.wait_text("half and half");
    screen.say("/quit");
    screen.wait_text("prompt>");
    screen.say("exit");
    screen.wait_exit();
}

#[test]
fn what_cannot_work_says_why() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    let piped = one.ctl.run(["chat"]);
    piped.assert_code(2);
    assert!(piped.stderr.contains("meshchatctl tail"), "{piped:?}");
    assert!(piped.stderr.contains("meshchatctl send"), "{piped:?}");

    let mut head = Command::new("sh");
    head.args(["-c", "\"$0\" --socket \"$1\" chat | head -n 1; exit ${PIPESTATUS:-0}"]);
    head.arg(program("meshchatctl")).arg(a.socket());
    let mut screen = Screen::start(&head, USUAL);
    screen.wait_text("the chat needs a terminal");
    screen.wait_exit();
    screen.assert_restored();

    for term in ["dumb", ""] {
        let mut command = one.command(&[]);
        command.env("TERM", term);
        let mut screen = Screen::start(&command, USUAL);
        assert_eq!(screen.wait_exit(), 2);
        screen.wait_text("TERM is");
        screen.assert_restored();
    }

    let mut nobody = one.command(&[]);
    nobody = {
        let mut other = Ctl::new(a.dir().join("nothing")).command(["chat"]);
        other.envs(nobody.get_envs().filter_map(|(name, value)| Some((name, value?))));
        other
    };
    let mut screen = Screen::start(&nobody, USUAL);
    assert_eq!(screen.wait_exit(), 8);
    screen.wait_text("systemctl start meshchatd");
    screen.assert_restored();
}

#[test]
fn who_has_no_permission_is_told_so() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let a = Daemon::start("kitchen");
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    command.arg(program("meshchatctl")).arg("--socket").arg(a.socket()).arg("chat");
    let mut screen = Screen::start(&command, USUAL);
    assert_eq!(screen.wait_exit(), 13, "{}", screen.framed());
    screen.wait_text("permission denied");
    screen.assert_restored();
}

#[test]
fn settings_with_a_mistake_are_shown() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    fs::create_dir_all(one.home.join("meshchat")).unwrap();
    fs::write(one.home.join("meshchat/ctl.toml"), "[chat]\nmuose = true\n").unwrap();
    let mut screen = one.chat();
    assert_eq!(screen.wait_exit(), 2);
    screen.wait_text("ctl.toml");
    screen.wait_text("unknown field `muose`");
}

#[test]
fn colours_can_be_left_out() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    a.ctl().ok(["send", "something"]);
    one.introduce("ann");
    for colours in [true, false] {
        let mut command = one.command(&[]);
        if !colours {
            command.env("NO_COLOR", "1");
        }
        let screen = Screen::start(&command, USUAL);
        screen.wait_text("something");
        let bytes = String::from_utf8_lossy(&screen.bytes()).into_owned();
        let sequences = bytes.split("\x1b[").filter_map(|part| part.split_once('m'));
        let colour = |code: &str| {
            code.split(';')
                .any(|number| matches!(number.parse(), Ok(30..=38 | 40..=48 | 90..=97 | 100..=107)))
        };
        let coloured = sequences.filter(|(code, _)| colour(code)).count();
        assert_eq!(coloured > 0, colours, "{bytes:?}");
    }
}

/// A server of tmux, by its socket. It would outlive a test that fails.
struct Tmux(PathBuf);

impl Drop for Tmux {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        // It is gone when all went well.
        let _ = command.arg("-S").arg(&self.0).arg("kill-server").stderr(Stdio::null()).status();
    }
}

#[test]
fn it_runs_within_tmux() {
    if Command::new("tmux").arg("-V").output().is_err() {
        return;
    }
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    one.introduce("ann");
    let chat = one.command(&[]);
    let mut tmux = Command::new("tmux");
    let server = Tmux(one.home.join("tmux"));
    tmux.arg("-S").arg(&server.0).args(["-f", "/dev/null", "new-session"]);
    for (name, value) in chat.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        tmux.env(name, value);
    }
    tmux.arg(chat.get_program()).args(chat.get_args());
    let mut screen = Screen::start(&tmux, USUAL);
    screen.wait_text("#lobby");
    screen.say("from within");
    screen.wait_text("from within");
    screen.resize((40, 12));
    screen.say("and small");
    screen.wait_text("and small");
    screen.say("/quit");
    screen.wait_text("[exited]");
    screen.wait_exit();
}

#[test]
fn a_full_disk_is_said_and_the_chat_goes_on() {
    let a = Daemon::start("kitchen");
    let one = Person::new(&a);
    one.introduce("ann");
    let chat = one.command(&[]);
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o size=4k tmpfs \"$XDG_STATE_HOME/meshchat\" || exit 77; \
                  head -c 4096 /dev/zero > \"$XDG_STATE_HOME/meshchat/all\"; exec \"$@\"";
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(chat.get_program()).args(chat.get_args());
    command.envs(chat.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let can =
        Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).status();
    if !can.is_ok_and(|status| status.success()) {
        return;
    }
    let mut screen = Screen::start(&command, USUAL);
    screen.wait_text("What are you called?");
    screen.say("ann");
    screen.say("still talking");
    screen.wait_text("still talking");
    screen.wait_for("the reason", |text| text.contains("cannot keep") || text.contains("No space"));
    screen.say("/quit");
    assert_eq!(screen.wait_exit(), 0);
}

#[test]
fn a_daemon_of_another_version_is_named() {
    let dir = TestDir::new();
    let path = dir.join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let refusing = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut hello = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut hello).unwrap();
        let error =
            Error::new(ErrorCode::Version, "this is meshchatd 9.0.0, which speaks version 7");
        let answer = codec::encode(&FromDaemon::error(0, error));
        stream.write_all(&u32::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(&answer).unwrap();
    });
    let mut command = Ctl::new(path).command(["chat"]);
    command.env("HOME", dir.path());
    let mut screen = Screen::start(&command, USUAL);
    assert_eq!(screen.wait_exit(), 1, "{}", screen.framed());
    screen.wait_text("meshchatd 9.0.0");
    screen.wait_text("install the same release");
    screen.assert_restored();
    refusing.join().unwrap();
}
