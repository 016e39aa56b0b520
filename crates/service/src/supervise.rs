//! The only place that starts tasks.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// All tasks of the daemon.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task that ends by itself, or when the daemon stops.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        // Moved as it is, it would have its place twice in what is started.
        let mut task = Box::pin(task);
        self.start(async move {
            tokio::select! {
                () = &mut task => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Starts a task that ends by itself soon after the hub is gone: it has bytes to flush.
    pub fn spawn_draining(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.start(task);
    }

    /// Ends all tasks and waits for them, at most `limit`.
    pub async fn stop(&self, limit: Duration) {
        self.stop.cancel();
        self.tracker.close();
        // What has not ended by then is dropped with the runtime.
        tokio::time::timeout(limit, self.tracker.wait()).await.ok();
    }

    /// Starts a thread for what blocks; it ends by itself, and nobody waits for it.
    pub fn thread(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        let builder = std::thread::Builder::new().name(name.into()).stack_size(STACK);
        if let Err(error) = builder.spawn(work) {
            tracing::error!("cannot start the thread {name}: {error}");
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place that the ban points to")]
    fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(self.tracker.track_future(task));
    }
}

/// Bytes: threads only write files.
const STACK: usize = 256 * 1024;
