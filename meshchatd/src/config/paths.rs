//! Where things are: as a system service, as a plain user, and for further instances.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, chown, geteuid, gethostname};

use super::error::{Cause, Problem};
use super::settings::{Origin, Settings};

/// Whom this daemon serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The machine: state in `/var/lib`, socket for a group in `/run`.
    System,
    /// The one user who started it.
    User,
}

/// What the process was given by its surroundings. Tests make their own.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The `MESHCHAT_*`, `XDG_*`, `HOME` and systemd directory variables that are not empty.
    pub variables: BTreeMap<String, OsString>,
    /// Effective user id.
    pub uid: u32,
    /// Whether that user is the system user of the service, `_meshchat`.
    pub is_service_user: bool,
    /// Host name, as it is.
    pub host_name: String,
    /// `/`, in front of `etc`, `run`, `tmp` and `var`.
    pub root: PathBuf,
}

/// Why the directory of the control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeDirError {
    /// The socket path has no directory.
    #[error("{} is not a path of a socket", .0.display())]
    NoParent(PathBuf),
    /// It cannot be made or looked at.
    #[error("cannot make the directory {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else has this name.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// Another user could put another socket there.
    #[error(
        "{} belongs to user id {owner} or is writable for others (mode {mode:04o})",
        path.display()
    )]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
}

impl Environment {
    /// What this process was given.
    #[must_use]
    pub fn of_process() -> Self {
        let wanted = |name: &str| name.starts_with("MESHCHAT_") || OTHER_VARIABLES.contains(&name);
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, value)| wanted(name) && !value.is_empty())
            .collect();
        let uid = geteuid();
        let is_service_user = !uid.is_root()
            && User::from_uid(uid).ok().flatten().is_some_and(|user| user.name == SERVICE_USER);
        let host_name = gethostname().ok().and_then(|name| name.into_string().ok());
        Self {
            variables,
            uid: uid.as_raw(),
            is_service_user,
            host_name: host_name.unwrap_or_default(),
            root: PathBuf::from("/"),
        }
    }

    pub(super) fn text(&self, name: &'static str, problems: &mut Vec<Problem>) -> Option<String> {
        let value = self.variables.get(name)?;
        if let Some(text) = value.to_str() {
            return Some(text.to_owned());
        }
        problems.push(Problem { origin: Origin::Variable(name), cause: Cause::NotUtf8 });
        None
    }

    fn directory(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// The first directory that systemd made for us; it lists several with colons.
    pub(crate) fn given(&self, name: &str) -> Option<PathBuf> {
        let list = self.variables.get(name)?.to_str()?;
        list.split(':').next().map(PathBuf::from).filter(|path| path.is_absolute())
    }
}

pub(super) struct Places {
    pub(super) mode: Mode,
    pub(super) config: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) socket: PathBuf,
}

impl Places {
    pub(super) fn find(environment: &Environment, instance: Option<&str>) -> Self {
        let runtime = environment.given("RUNTIME_DIRECTORY");
        let of_user = |path: &PathBuf| {
            environment.directory("XDG_RUNTIME_DIR").is_some_and(|user| path.starts_with(user))
        };
        let from_system_manager = runtime.as_ref().is_some_and(|path| !of_user(path));
        if environment.uid == 0 || environment.is_service_user || from_system_manager {
            Self::system(environment, instance, runtime)
        } else {
            Self::user(environment, instance, runtime)
        }
    }

    fn system(at: &Environment, instance: Option<&str>, runtime: Option<PathBuf>) -> Self {
        let own = instance.map_or_else(|| "meshchat".to_owned(), |name| format!("meshchat-{name}"));
        let run = runtime.unwrap_or_else(|| at.root.join("run").join(&own));
        let state =
            at.given("STATE_DIRECTORY").unwrap_or_else(|| at.root.join("var/lib").join(&own));
        let config = format!("etc/meshchat/{}.toml", instance.unwrap_or("meshchat"));
        Self {
            mode: Mode::System,
            config: Some(at.root.join(config)),
            state_dir: Some(state),
            socket: run.join(SOCKET),
        }
    }

    fn user(at: &Environment, instance: Option<&str>, runtime: Option<PathBuf>) -> Self {
        let own = |base: PathBuf| instance.map_or_else(|| base.clone(), |name| base.join(name));
        let home = at.directory("HOME");
        let below_home = |variable: &str, place: &str| {
            let base = at.directory(variable).or_else(|| Some(home.as_ref()?.join(place)))?;
            Some(own(base.join("meshchat")))
        };
        let run = runtime.unwrap_or_else(|| {
            own(match at.directory("XDG_RUNTIME_DIR") {
                Some(base) => base.join("meshchat"),
                None => at.root.join(format!("tmp/meshchat-{}", at.uid)),
            })
        });
        let state =
            at.given("STATE_DIRECTORY").or_else(|| below_home("XDG_STATE_HOME", ".local/state"));
        Self {
            mode: Mode::User,
            config: below_home("XDG_CONFIG_HOME", ".config").map(|base| base.join("meshchat.toml")),
            state_dir: state,
            socket: run.join(SOCKET),
        }
    }
}

/// Makes the directory of the control socket if there is none, and checks that nobody else can
/// put another socket there.
///
/// A directory made for a system service is for the group too (0750); one for a user is 0700.
///
/// # Errors
/// When it cannot be made, is no directory, or is in the hands of another user.
pub fn prepare_runtime_dir(settings: &Settings) -> Result<(), RuntimeDirError> {
    let socket = &settings.socket.value;
    let parent = socket.parent().ok_or_else(|| RuntimeDirError::NoParent(socket.clone()))?;
    match fs::symlink_metadata(parent) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(parent, settings)?,
        Err(source) => return Err(RuntimeDirError::Io { path: parent.into(), source }),
    }
    // The directory itself of our own choice may be no link; a path of the user's choice may.
    let status = if settings.socket.origin == Origin::Default {
        fs::symlink_metadata(parent)
    } else {
        fs::metadata(parent)
    };
    let status = status.map_err(|source| RuntimeDirError::Io { path: parent.into(), source })?;
    if !status.is_dir() {
        return Err(RuntimeDirError::NotADirectory(parent.into()));
    }
    let (owner, mode) = (status.uid(), status.mode() & 0o7777);
    // In a sticky directory such as /tmp others cannot remove or replace our socket.
    let shared = mode & 0o022 != 0 && mode & 0o1000 == 0;
    let chosen = settings.socket.origin != Origin::Default;
    let trusted = owner == geteuid().as_raw() || owner == 0;
    if !trusted || shared || (mode & 0o022 != 0 && !chosen) {
        return Err(RuntimeDirError::NotOurs { path: parent.into(), owner, mode });
    }
    Ok(())
}

fn make(path: &Path, settings: &Settings) -> Result<(), RuntimeDirError> {
    let failed = |source| RuntimeDirError::Io { path: path.into(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    if settings.mode == Mode::System {
        let group = Group::from_name(&settings.group.value).ok().flatten();
        if let Some(Group { gid, .. }) = group
            && (Uid::effective().is_root() || gid == Gid::effective())
        {
            chown(path, None, Some(gid)).map_err(|error| failed(error.into()))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o750)).map_err(failed)?;
        }
    }
    Ok(())
}

/// `sun_path` has 108 bytes with the closing zero.
pub(super) const LONGEST_SOCKET_PATH: usize = 107;

const SOCKET: &str = "control.sock";
const SERVICE_USER: &str = "_meshchat";
const OTHER_VARIABLES: [&str; 6] = [
    "HOME",
    "RUNTIME_DIRECTORY",
    "STATE_DIRECTORY",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];
