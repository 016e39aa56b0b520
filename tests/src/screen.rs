//! A program on a terminal of its own, and what a person would see there.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};

use crate::Limit;
use crate::wait::POLL;

/// A terminal and the program in it, which is killed when dropped.
pub struct Screen {
    seen: Arc<Mutex<Seen>>,
    keyboard: Box<dyn Write + Send>,
    master: Box<dyn MasterPty + Send>,
    /// Kept open, so that the modes of the terminal can be looked at when the program has ended.
    _slave: Box<dyn SlavePty + Send>,
    child: Box<dyn Child + Send + Sync>,
    modes: String,
}

struct Seen {
    parser: vt100::Parser,
    /// The last bytes that the program wrote.
    bytes: VecDeque<u8>,
}

impl Screen {
    /// Starts a command on a screen of so many columns and lines.
    ///
    /// Its terminal is like xterm and speaks UTF-8, unless the command has other variables set.
    pub fn start(command: &Command, shown: (u16, u16)) -> Self {
        Self::start_told(command, shown, shown)
    }

    /// Starts a command on a screen that does not say how large it is, as on a serial line.
    pub fn start_on_serial_line(command: &Command, shown: (u16, u16)) -> Self {
        Self::start_told(command, shown, (0, 0))
    }

    fn start_told(command: &Command, (columns, lines): (u16, u16), told: (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(told.0, told.1)).unwrap();
        let modes = format!("{:?}", pair.master.get_termios());
        let seen = Seen { parser: vt100::Parser::new(lines, columns, 0), bytes: VecDeque::new() };
        let seen = Arc::new(Mutex::new(seen));
        let from = pair.master.try_clone_reader().unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let child = pair.slave.spawn_command(builder(command)).unwrap();
        let shown = Arc::clone(&seen);
        thread::spawn(move || show(from, &shown));
        let (master, _slave) = (pair.master, pair.slave);
        Self { seen, keyboard, master, _slave, child, modes }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    /// What stands on the screen, without spaces at the ends of lines.
    pub fn text(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// The last megabyte that the program wrote, as it is.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.iter().copied().collect()
    }

    /// The screen itself, for its modes and colours.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.seen().parser.screen())
    }

    /// Types text, one key after the other.
    pub fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Presses a key by the bytes that a terminal sends for it, such as `\r` or `\x1b[5~`.
    pub fn key(&mut self, sequence: &str) {
        self.type_text(sequence);
    }

    /// Types text and presses Enter.
    pub fn say(&mut self, text: &str) {
        self.type_text(&format!("{text}\r"));
    }

    /// Pastes text as a terminal does that was asked to mark pastes.
    pub fn paste(&mut self, text: &str) {
        self.type_text(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// Makes the window so many columns and lines large.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        self.seen().parser.screen_mut().set_size(lines, columns);
        self.master.resize(size(columns, lines)).unwrap();
    }

    /// Waits until the text of the screen is as wanted; panics, naming `what` and showing the
    /// screen, after the usual limit.
    pub fn wait_for(&self, what: &str, mut wanted: impl FnMut(&str) -> bool) {
        let deadline = Limit::default().deadline();
        while !wanted(&self.text()) {
            assert!(Instant::now() < deadline, "waited in vain for: {what}\n{}", self.framed());
            thread::sleep(POLL);
        }
    }

    /// Waits until these words stand somewhere on the screen.
    pub fn wait_text(&self, words: &str) {
        self.wait_for(words, |text| text.contains(words));
    }

    /// The screen in a frame, for failures.
    pub fn framed(&self) -> String {
        let (_, columns) = self.look(vt100::Screen::size);
        let line = "-".repeat(columns.into());
        let rows = self.look(|screen| screen.rows(0, columns).collect::<Vec<_>>());
        let rows: String = rows.iter().map(|row| format!("|{row}\n")).collect();
        format!("+{line}\n{rows}+{line}")
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.process_id().unwrap();
        signal::kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
    }

    /// Waits until the program has ended and gives its exit code; for one that a signal ended,
    /// 1.
    pub fn wait_exit(&mut self) -> u32 {
        let deadline = Limit::default().deadline();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "it still runs:\n{}", self.framed());
            thread::sleep(POLL);
        }
    }

    /// Panics unless the terminal is as it was before the program began.
    pub fn assert_restored(&self) {
        let modes = format!("{:?}", self.master.get_termios());
        assert_eq!(modes, self.modes, "the modes of the terminal\n{}", self.framed());
        self.wait_for("the usual screen", |_| !self.look(vt100::Screen::alternate_screen));
        self.look(|screen| {
            assert!(!screen.bracketed_paste(), "pastes are still marked");
            assert!(!screen.hide_cursor(), "the cursor is still hidden");
            let mouse = screen.mouse_protocol_mode();
            assert_eq!(mouse, vt100::MouseProtocolMode::None, "the mouse is still caught");
        });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn builder(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    let own = ["TMUX", "TERM_PROGRAM", "NO_COLOR", "LC_ALL", "LC_CTYPE", "COLUMNS", "LINES"];
    own.iter().for_each(|name| builder.env_remove(name));
    builder.env("TERM", "xterm-256color");
    builder.env("LANG", "C.UTF-8");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        }
    }
    builder
}

fn show(mut from: impl Read, seen: &Mutex<Seen>) {
    let mut buffer = [0; 64 * 1024];
    // At the end of the last program a terminal gives an error.
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut seen = seen.lock().unwrap();
        let came = &buffer[..length];
        seen.parser.process(came);
        seen.bytes.extend(came);
        let surplus = seen.bytes.len().saturating_sub(BYTES);
        seen.bytes.drain(..surplus);
    }
}

fn size(columns: u16, lines: u16) -> PtySize {
    PtySize { rows: lines, cols: columns, pixel_width: 0, pixel_height: 0 }
}

/// Bytes of output that are kept.
const BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Screen {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Screen::start(&command, (30, 4))
    }

    #[test]
    fn shows_what_is_written_and_types() {
        let mut screen = shell("printf 'one\\033[2;5Htwo'; read word; echo \"got $word\"; exit 3");
        screen.wait_text("two");
        assert_eq!(screen.text(), "one\n    two");
        screen.say("this");
        screen.wait_text("got this");
        assert_eq!(screen.wait_exit(), 3);
        screen.assert_restored();
    }

    #[test]
    fn tells_its_size() {
        let screen = shell("trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done");
        screen.wait_text("4 30");
        screen.resize((50, 6));
        screen.wait_text("6 50");
    }

    #[test]
    #[should_panic(expected = "the modes of the terminal")]
    fn notices_a_terminal_that_was_left_in_disorder() {
        let mut screen = shell("stty raw");
        screen.wait_exit();
        screen.assert_restored();
    }
}
