//! Where the control socket is.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Paths at which the daemon may listen, most wanted first.
///
/// `MESHCHAT_SOCKET` alone when it is set and no instance is asked for. Otherwise the socket of
/// this user's own daemon and then the system's: `$XDG_RUNTIME_DIR/meshchat/control.sock` and
/// `/run/meshchat/control.sock`, or with an instance `$XDG_RUNTIME_DIR/meshchat/NAME/…` and
/// `/run/meshchat-NAME/…`. Without a runtime directory the user's is `/tmp/meshchat-UID`, which
/// counts only when this user or root owns it.
pub fn candidates(instance: Option<&str>) -> Vec<PathBuf> {
    let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let uid = nix::unistd::geteuid().as_raw();
    Places { wanted: path("MESHCHAT_SOCKET"), runtime: path("XDG_RUNTIME_DIR"), uid }.list(instance)
}

struct Places {
    wanted: Option<PathBuf>,
    runtime: Option<PathBuf>,
    uid: u32,
}

impl Places {
    fn list(self, instance: Option<&str>) -> Vec<PathBuf> {
        if let (Some(wanted), None) = (self.wanted, instance) {
            return vec![wanted];
        }
        let user = match self.runtime.filter(|path| path.is_absolute()) {
            Some(runtime) => Some(runtime.join("meshchat")),
            None => Some(PathBuf::from(format!("/tmp/meshchat-{}", self.uid)))
                .filter(|path| is_trusted(path, self.uid)),
        };
        let (user, system) = match instance {
            Some(name) => (user.map(|path| path.join(name)), format!("/run/meshchat-{name}")),
            None => (user, "/run/meshchat".into()),
        };
        user.into_iter()
            .chain([system.into()])
            .map(|directory| directory.join("control.sock"))
            .collect()
    }
}

/// In /tmp anyone could have made that directory.
fn is_trusted(directory: &Path, uid: u32) -> bool {
    fs::symlink_metadata(directory)
        .is_ok_and(|status| status.is_dir() && (status.uid() == uid || status.uid() == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(wanted: Option<&str>, runtime: Option<&str>, instance: Option<&str>) -> Vec<String> {
        let places = Places {
            wanted: wanted.map(PathBuf::from),
            runtime: runtime.map(PathBuf::from),
            uid: 4_000_000_000,
        };
        places.list(instance).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn the_users_own_daemon_comes_before_the_systems() {
        assert_eq!(
            list(None, Some("/run/user/7"), None),
            ["/run/user/7/meshchat/control.sock", "/run/meshchat/control.sock"]
        );
        assert_eq!(
            list(None, Some("/run/user/7"), Some("lab")),
            ["/run/user/7/meshchat/lab/control.sock", "/run/meshchat-lab/control.sock"]
        );
    }

    #[test]
    fn a_wanted_socket_stands_alone_unless_an_instance_is_asked_for() {
        assert_eq!(list(Some("/x"), Some("/run/user/7"), None), ["/x"]);
        assert_eq!(list(Some("/x"), None, Some("lab")), ["/run/meshchat-lab/control.sock"]);
    }

    #[test]
    fn a_directory_in_tmp_that_is_not_ours_is_not_tried() {
        assert_eq!(list(None, None, None), ["/run/meshchat/control.sock"]);
        assert_eq!(list(None, Some("relative"), None), ["/run/meshchat/control.sock"]);
    }
}
