//! Runs `meshchatctl` as a person or a script would.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::process::forget_settings;
use crate::{Limit, Process, Tail, program};

/// A command line tied to one control socket.
#[derive(Clone, Debug)]
pub struct Ctl {
    program: PathBuf,
    socket: PathBuf,
    env: Vec<(OsString, OsString)>,
    limit: Limit,
}

impl Ctl {
    /// The built `meshchatctl`, told `--socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self::with_program(program("meshchatctl"), socket)
    }

    /// Another program in its place, which must take the same arguments.
    pub fn with_program(program: impl Into<PathBuf>, socket: impl Into<PathBuf>) -> Self {
        let (program, socket) = (program.into(), socket.into());
        Self { program, socket, env: Vec::new(), limit: Limit::default() }
    }

    /// Sets an environment variable for what follows.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// How long one run may take; a longer one is killed and fails the test.
    #[must_use]
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end, whatever the exit code.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Finished {
        self.run_with_input(args, b"")
    }

    /// Runs it with `input` on its standard input.
    pub fn run_with_input<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        input: &[u8],
    ) -> Finished {
        let mut command = self.command(args);
        let wanted = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let child = process.child();
        let stdin = child.stdin.take().unwrap();
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        thread::scope(|scope| {
            scope.spawn(move || feed(stdin, input));
            let stdout = scope.spawn(move || read_all(&mut stdout));
            let stderr = scope.spawn(move || read_all(&mut stderr));
            let status = process.try_wait_exit(self.limit);
            if status.is_none() {
                process.kill(); // closes the pipes, so that the readers end
            }
            let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
            let Some(status) = status else {
                panic!("still runs after {:?}: {wanted}\n{stdout}{stderr}", self.limit.0)
            };
            Finished { command: wanted, code: status.code(), stdout, stderr }
        })
    }

    /// Runs it and returns its standard output; panics unless it exits with 0.
    pub fn ok<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let finished = self.run(args);
        finished.assert_ok();
        finished.stdout
    }

    /// Runs it with `--json`, which must succeed, and returns one value per line.
    pub fn json<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Vec<Value> {
        let finished = self.run(with_json(args));
        finished.assert_ok();
        finished.json()
    }

    /// Starts it with `--json` in the background and collects its lines.
    pub fn tail<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Tail {
        Tail::start(&mut self.command(with_json(args)))
    }

    /// The bare command, for what the helpers above do not cover.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket").arg(&self.socket).args(args);
        forget_settings(&mut command);
        command.env("NO_COLOR", "1").envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What a run left.
#[derive(Debug)]
pub struct Finished {
    /// What was run.
    pub command: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Finished {
    /// Panics, showing everything, unless the exit code is 0.
    pub fn assert_ok(&self) {
        self.assert_code(0);
    }

    /// Panics, showing everything, unless the exit code is `code`.
    pub fn assert_code(&self, code: i32) {
        assert!(self.code == Some(code), "expected exit code {code}: {self:#?}");
    }

    /// Standard output as one JSON value per line.
    pub fn json(&self) -> Vec<Value> {
        let parse = |line| {
            serde_json::from_str(line)
                .unwrap_or_else(|e| panic!("not JSON ({e}): {line}\n{self:?}"))
        };
        self.stdout.lines().map(parse).collect()
    }
}

/// Adds `--json`, before a `--` if there is one.
fn with_json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Vec<OsString> {
    let mut args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    args.insert(end, "--json".into());
    args
}

fn feed(mut stdin: impl Write, input: &[u8]) {
    // A program that does not read its input is free to close it.
    let _ = stdin.write_all(input);
}

fn read_all(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::TestDir;

    #[test]
    fn returns_output_error_and_code() {
        let dir = TestDir::new();
        let finished = script(&dir, "echo out \"$3\"; echo err >&2; exit 4").run(["peers"]);
        finished.assert_code(4);
        assert_eq!(finished.stdout, "out peers\n");
        assert_eq!(finished.stderr, "err\n");
    }

    #[test]
    fn passes_socket_input_and_environment() {
        let dir = TestDir::new();
        let ctl = script(&dir, "echo \"$1 $2 $COLOUR\"; cat").env("COLOUR", "red");
        let finished = ctl.run_with_input(["send", "-"], b"hello");
        assert_eq!(finished.stdout, "--socket /nowhere/control.sock red\nhello");
    }

    #[test]
    fn parses_json_lines() {
        let dir = TestDir::new();
        let ctl = script(&dir, "echo \"{\\\"args\\\":\\\"$*\\\"}\"; echo '{\"n\":2}'");
        let lines = ctl.json(["send", "--", "-x"]);
        assert_eq!(lines[0]["args"], "--socket /nowhere/control.sock send --json -- -x");
        assert_eq!(lines[1]["n"], 2);
    }

    #[test]
    #[should_panic(expected = "still runs after")]
    fn a_hanging_run_fails() {
        let dir = TestDir::new();
        script(&dir, "exec sleep 600").limit(Limit(Duration::from_millis(100))).run(["tail"]);
    }

    fn script(dir: &TestDir, body: &str) -> Ctl {
        let path = dir.join("ctl");
        // Written by a child: a file that this process had open for writing could not be
        // run while a sibling test is just starting a program.
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(&path)
            .arg(format!("#!/bin/sh\n{body}\n"))
            .status()
            .unwrap();
        assert!(written.success());
        Ctl::with_program(path, "/nowhere/control.sock")
    }
}
