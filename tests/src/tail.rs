//! A command that runs in the background and prints one JSON value per line.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::wait::POLL;
use crate::{Limit, Process};

/// A running `meshchatctl tail -f --json` or the like; ended when dropped.
#[derive(Debug)]
pub struct Tail {
    process: Process,
    output: Arc<Mutex<Output>>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Vec<Value>,
    /// What was not JSON on standard output, and all of standard error.
    talk: Vec<String>,
    open: u8,
}

impl Tail {
    /// Starts the command and collects its lines from now on.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(command);
        let output = Arc::new(Mutex::new(Output { open: 2, ..Output::default() }));
        let child = process.child();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        collect(stdout, Arc::clone(&output), Output::take_line);
        collect(stderr, Arc::clone(&output), |output, line| output.talk.push(line));
        Self { process, output }
    }

    /// All lines so far, oldest first.
    pub fn lines(&self) -> Vec<Value> {
        self.output.lock().unwrap().lines.clone()
    }

    /// How many lines so far satisfy `condition`.
    pub fn count(&self, mut condition: impl FnMut(&Value) -> bool) -> usize {
        self.output.lock().unwrap().lines.iter().filter(|line| condition(line)).count()
    }

    /// Standard error so far, and what was not JSON on standard output.
    pub fn talk(&self) -> Vec<String> {
        self.output.lock().unwrap().talk.clone()
    }

    /// Waits for a line, past or future, that satisfies `condition` and returns the
    /// first; panics, naming `what` and showing all lines, after `limit`.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Limit,
        mut condition: impl FnMut(&Value) -> bool,
    ) -> Value {
        self.wait_until(what, limit, |lines| lines.iter().find(|line| condition(line)).cloned())
    }

    /// Waits until all lines so far, taken together, yield something; panics, naming
    /// `what` and showing all lines, after `limit` or when the command has ended.
    pub fn wait_until<T>(
        &self,
        what: &str,
        limit: Limit,
        mut attempt: impl FnMut(&[Value]) -> Option<T>,
    ) -> T {
        let deadline = limit.deadline();
        loop {
            let output = self.output.lock().unwrap();
            if let Some(found) = attempt(&output.lines) {
                return found;
            }
            let late = Instant::now() >= deadline;
            if late || output.open == 0 {
                let why = if late { "did not print in time" } else { "ended without" };
                let shown = format!("{:#?}", *output);
                drop(output); // a poisoned lock would hide this message
                panic!("the command {why}: {what}\n{shown}");
            }
            drop(output);
            thread::sleep(POLL);
        }
    }

    /// The process, to pause, resume or end it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Output {
    fn take_line(&mut self, line: String) {
        match serde_json::from_str(&line) {
            Ok(value) => self.lines.push(value),
            Err(_) => self.talk.push(line),
        }
    }
}

fn collect(
    pipe: impl Read + Send + 'static,
    output: Arc<Mutex<Output>>,
    take: impl Fn(&mut Output, String) + Send + 'static,
) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            take(&mut output.lock().unwrap(), String::from_utf8_lossy(&line).into_owned());
        }
        output.lock().unwrap().open -= 1;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait_some;

    #[test]
    fn collects_lines_while_the_command_runs() {
        let tail =
            shell("echo '{\"n\":1}'; echo '{\"n\":2}'; echo oops; echo bad >&2; exec sleep 600");
        let found = tail.wait_for("n = 2", Limit::default(), |line| line["n"] == 2);
        assert_eq!(found["n"], 2);
        tail.wait_until("both", Limit::default(), |lines| (lines.len() == 2).then_some(()));
        assert_eq!(tail.count(|line| line["n"].is_u64()), 2);
        wait_some("talk", Limit::default(), || (tail.talk().len() == 2).then_some(()));
    }

    #[test]
    #[should_panic(expected = "ended without: n = 3")]
    fn fails_early_when_the_command_ends() {
        shell("echo '{\"n\":1}'").wait_for("n = 3", Limit::default(), |line| line["n"] == 3);
    }

    #[test]
    fn goes_on_after_a_pause() {
        let mut tail = shell("while sleep 0.01; do echo '{}'; done");
        tail.process().pause();
        let before = tail.lines().len();
        tail.process().resume();
        tail.wait_until("more", Limit::default(), |lines| (lines.len() > before).then_some(()));
    }

    fn shell(script: &str) -> Tail {
        Tail::start(Command::new("sh").arg("-c").arg(script))
    }
}
