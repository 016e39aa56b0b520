//! Where inputs come from: the keys, the daemon, and signals.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use crossterm::event::{Event as Press, EventStream, KeyEventKind};
use futures_util::StreamExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{self, Instant};

use super::daemon::Daemon;
use super::terminal;
use crate::chat::seam::Input;

/// See the module.
pub(crate) struct Sources {
    pub(crate) daemon: Daemon,
    keys: EventStream,
    /// Each of them ends the chat.
    ends: [Signal; 3],
}

/// When to go on if nothing happens, and whether the model is to hear of it.
pub(crate) struct Wake {
    pub(crate) at: Instant,
    pub(crate) tick: bool,
}

impl Sources {
    pub(crate) fn new(daemon: Daemon) -> io::Result<Self> {
        let ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        let [terminate, hang_up, quit] = ends.map(signal);
        Ok(Self { daemon, keys: EventStream::new(), ends: [terminate?, hang_up?, quit?] })
    }

    /// Waits for something, at most until `wake`, and takes all that has come meanwhile with it.
    pub(crate) async fn wait(&mut self, inputs: &mut Vec<Input>, wake: Wake) -> io::Result<()> {
        tokio::select! {
            taken = poll_fn(|context| self.take(inputs, context)) => taken?,
            () = time::sleep_until(wake.at) => inputs.extend(wake.tick.then_some(Input::Tick)),
        }
        Ok(())
    }

    /// Takes all that is there. The keys remember whom to wake from the first time that they
    /// had nothing, so nothing but the real context may ever ask for them.
    fn take(&mut self, inputs: &mut Vec<Input>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for signal in &mut self.ends {
            if signal.poll_recv(context).is_ready() {
                inputs.push(Input::Leave);
            }
        }
        while inputs.len() < AT_ONCE {
            if let Poll::Ready(press) = self.keys.poll_next_unpin(context) {
                inputs.extend(input(press)?);
            } else if let Poll::Ready(input) = self.daemon.poll_next(context) {
                inputs.push(input);
            } else {
                break;
            }
        }
        if inputs.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

/// What the terminal says; at its end there is nobody to talk with.
fn input(press: Option<io::Result<Press>>) -> io::Result<Option<Input>> {
    let Some(press) = press else { return Ok(Some(Input::Leave)) };
    Ok(match press? {
        Press::Key(key) if key.kind != KeyEventKind::Release => Some(Input::Key(key)),
        Press::Paste(text) => Some(Input::Paste(text)),
        Press::Mouse(mouse) => Some(Input::Mouse(mouse)),
        Press::Resize(..) => {
            let (columns, lines) = terminal::size();
            Some(Input::Resize(columns, lines))
        }
        Press::Key(_) | Press::FocusGained | Press::FocusLost => None,
    })
}

/// Inputs that are taken before anything is drawn.
const AT_ONCE: usize = 1_024;
