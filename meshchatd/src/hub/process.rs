//! What the daemon takes of the machine, read when somebody asks.

use std::fs;

use meshchat_proto::control::ProcessStatus;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use nix::unistd::{SysconfVar, sysconf};

/// None where the system does not tell.
#[allow(clippy::useless_conversion, reason = "bounds are narrower on small machines")]
pub(super) fn status() -> Option<ProcessStatus> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    // One of them is the folder that is being read.
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(ProcessStatus {
        resident_bytes: resident(&fs::read_to_string("/proc/self/statm").ok()?)?,
        cpu_ms: millis(usage.user_time()) + millis(usage.system_time()),
        open_files: open as u64,
        most_files: u64::from(soft),
    })
}

/// The second number of `statm`, which counts pages.
fn resident(statm: &str) -> Option<u64> {
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    pages.checked_mul(u64::try_from(page).ok()?)
}

fn millis(time: TimeVal) -> u64 {
    u64::try_from(time.num_milliseconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let status = status().unwrap();
        assert!(status.resident_bytes > 100_000 && status.resident_bytes < 1 << 32, "{status:?}");
        assert!(status.open_files >= 3 && status.open_files <= status.most_files, "{status:?}");
    }

    #[test]
    fn what_is_no_statm_is_nothing() {
        assert_eq!(resident(""), None);
        assert_eq!(resident("1 x"), None);
    }
}
